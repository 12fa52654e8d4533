//! A model as bytes: one safetensors file, which says itself what it is.
//!
//! | tensor | type, shape | |
//! | --- | --- | --- |
//! | `table` | I8 `[rows, 32]` | rows of the grams |
//! | `steps` | F32 `[32]` | what one is worth in each column |
//! | `hidden`, `hidden_bias` | F32 `[25, 64]`, `[64]` | what the first 25 numbers of the sum go through |
//! | `out`, `out_bias` | F32 `[7, 64]`, `[7]` | |
//! | `calibrations` | F32 `[2, 7, 2]` | slope and offset by language and label |
//! | `act` | F32 `[2, 7]` | thresholds by language and label |
//!
//! Its one line of metadata, `tidegate`, names the model, the version of the features and the labels in order.

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::features::VERSION;
use super::labels::{LABELS, LANGUAGES, Label};
use super::model::{Calibration, DEEP, DIM, HIDDEN, Head, Model};

/// Rows of a table, at most: 128 MiB.
const ROWS_MAX: usize = 1 << 22;
const ROWS_MIN: usize = 16;

/// Why bytes are no model.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// They are no safetensors file, or a part is not in it.
    #[error("not a model of Tidegate: {0}; make one with `tidegate train`")]
    Format(#[from] safetensors::SafeTensorError),
    /// It is one of somebody else's, or of another version.
    #[error(
        "not a model of this version: {what} is {found}, {expected} was expected; train it again with `tidegate train`"
    )]
    Version {
        /// What differs.
        what: &'static str,
        /// What the file has.
        found: String,
        /// What is needed.
        expected: String,
    },
    /// A number is none, or out of bounds.
    #[error("the model's {0} holds numbers that cannot be right; fetch or train it again")]
    Numbers(&'static str),
}

/// A tensor on its way out.
pub(super) struct Tensor {
    pub(super) name: &'static str,
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    pub(super) bytes: Vec<u8>,
}

impl Tensor {
    pub(super) fn floats(name: &'static str, shape: &[usize], numbers: &[f32]) -> Self {
        let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        Self { name, dtype: Dtype::F32, shape: shape.to_vec(), bytes }
    }
}

/// One line of metadata alone: several would come in another order every time.
pub(super) fn write(tensors: &[Tensor], about: String) -> Vec<u8> {
    let view = |tensor: &'_ Tensor| -> (&'static str, Vec<usize>) { (tensor.name, tensor.shape.clone()) };
    let views = tensors.iter().map(|tensor| {
        let (name, shape) = view(tensor);
        let view = TensorView::new(tensor.dtype, shape, &tensor.bytes).expect("the shape is that of the bytes");
        (name, view)
    });
    let about = std::iter::once(("tidegate".to_owned(), about)).collect();
    safetensors::serialize(views, Some(about)).expect("tensors of ours can be written")
}

/// The line of metadata.
pub(super) fn about(bytes: &[u8]) -> Result<String, StoreError> {
    let (_, metadata) = SafeTensors::read_metadata(bytes)?;
    Ok(metadata.metadata().as_ref().and_then(|all| all.get("tidegate")).cloned().unwrap_or_default())
}

/// The numbers of a tensor of that shape; `None` in a shape stands for any length.
pub(super) fn floats(
    file: &SafeTensors<'_>,
    name: &'static str,
    shape: &[Option<usize>],
) -> Result<Vec<f32>, StoreError> {
    let view = checked(file, name, Dtype::F32, shape)?;
    let numbers: Vec<f32> = view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    if numbers.iter().all(|number| number.is_finite()) { Ok(numbers) } else { Err(StoreError::Numbers(name)) }
}

fn checked<'a>(
    file: &SafeTensors<'a>,
    name: &'static str,
    dtype: Dtype,
    shape: &[Option<usize>],
) -> Result<TensorView<'a>, StoreError> {
    let view = file.tensor(name)?;
    let fits = view.shape().len() == shape.len()
        && view.shape().iter().zip(shape).all(|(found, expected)| expected.is_none_or(|expected| expected == *found));
    if view.dtype() == dtype && fits {
        return Ok(view);
    }
    let found = format!("{:?} {:?}", view.dtype(), view.shape());
    let any = shape.iter().map(|length| length.map_or("any".to_owned(), |length| length.to_string()));
    let expected = format!("{dtype:?} [{}]", any.collect::<Vec<_>>().join(", "));
    Err(StoreError::Version { what: name, found, expected })
}

impl Head {
    pub(super) fn tensors(&self) -> [Tensor; 4] {
        [
            Tensor::floats("hidden", &[DEEP, HIDDEN], self.hidden.as_flattened()),
            Tensor::floats("hidden_bias", &[HIDDEN], &self.hidden_bias),
            Tensor::floats("out", &[LABELS, HIDDEN], self.out.as_flattened()),
            Tensor::floats("out_bias", &[LABELS], &self.out_bias),
        ]
    }

    pub(super) fn read(file: &SafeTensors<'_>) -> Result<Self, StoreError> {
        let hidden = floats(file, "hidden", &[Some(DEEP), Some(HIDDEN)])?;
        let out = floats(file, "out", &[Some(LABELS), Some(HIDDEN)])?;
        let (hidden, out) = (hidden.as_chunks::<HIDDEN>().0, out.as_chunks::<HIDDEN>().0);
        let (hidden_bias, out_bias) =
            (floats(file, "hidden_bias", &[Some(HIDDEN)])?, floats(file, "out_bias", &[Some(LABELS)])?);
        Ok(Self {
            hidden: std::array::from_fn(|at| hidden[at]),
            hidden_bias: std::array::from_fn(|at| hidden_bias[at]),
            out: std::array::from_fn(|at| out[at]),
            out_bias: std::array::from_fn(|at| out_bias[at]),
        })
    }
}

/// What every model file says of itself.
fn identity(name: &str) -> String {
    let labels: Vec<&str> = Label::ALL.map(Label::name).to_vec();
    format!("model={name};features={VERSION};labels={}", labels.join(","))
}

impl Model {
    /// The file.
    #[must_use]
    pub fn to_bytes(&self, name: &str) -> Vec<u8> {
        let table = self.table.as_flattened().iter().map(|number| number ^ 0x80).collect();
        let calibrations: Vec<f32> =
            self.calibrations.iter().flatten().flat_map(|one| [one.slope, one.offset]).collect();
        let mut tensors = vec![
            Tensor { name: "table", dtype: Dtype::I8, shape: vec![self.rows(), DIM], bytes: table },
            Tensor::floats("steps", &[DIM], &self.steps),
            Tensor::floats("calibrations", &[LANGUAGES, LABELS, 2], &calibrations),
            Tensor::floats("act", &[LANGUAGES, LABELS], self.act.as_flattened()),
        ];
        tensors.extend(self.head.tensors());
        write(&tensors, identity(name))
    }

    /// Reads a file, and its name.
    ///
    /// # Errors
    /// [`StoreError`]: nothing of it is taken on trust.
    pub fn from_bytes(bytes: &[u8]) -> Result<(Self, String), StoreError> {
        let found = about(bytes)?;
        let name = found.strip_prefix("model=").and_then(|rest| rest.split(';').next()).unwrap_or_default();
        let expected = identity(name);
        if found != expected {
            return Err(StoreError::Version { what: "what it says of itself", found, expected });
        }
        let file = SafeTensors::deserialize(bytes)?;
        let table = checked(&file, "table", Dtype::I8, &[None, Some(DIM)])?;
        let rows = table.shape()[0];
        if !rows.is_power_of_two() || !(ROWS_MIN..=ROWS_MAX).contains(&rows) {
            return Err(StoreError::Numbers("number of rows"));
        }
        let row = |row: &[u8; DIM]| row.map(|number| number ^ 0x80);
        let steps = floats(&file, "steps", &[Some(DIM)])?;
        let calibrations = floats(&file, "calibrations", &[Some(LANGUAGES), Some(LABELS), Some(2)])?;
        let act = floats(&file, "act", &[Some(LANGUAGES), Some(LABELS)])?;
        let calibration = |at: usize| Calibration { slope: calibrations[at * 2], offset: calibrations[at * 2 + 1] };
        let model = Self {
            table: table.data().as_chunks::<DIM>().0.iter().map(row).collect(),
            steps: std::array::from_fn(|at| steps[at]),
            head: Box::new(Head::read(&file)?),
            calibrations: std::array::from_fn(|of| std::array::from_fn(|label| calibration(of * LABELS + label))),
            act: std::array::from_fn(|of| std::array::from_fn(|label| act[of * LABELS + label])),
        };
        Ok((model, name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::weights::Weights;

    #[test]
    fn a_model_comes_back_as_it_was() {
        let mut model = Weights::random(64, 9).quantized();
        model.calibrations[1][2] = Calibration { slope: 0.5, offset: -1.0 };
        model.act[1][3] = 0.75;
        let bytes = model.to_bytes("guard");
        assert_eq!(bytes, model.to_bytes("guard"));
        let (read, name) = Model::from_bytes(&bytes).unwrap();
        assert_eq!((read, name.as_str()), (model, "guard"));
    }

    #[test]
    fn what_is_no_model_is_refused_with_what_to_do() {
        let model = Weights::random(64, 9).quantized();
        let bytes = model.to_bytes("guard");
        for cut in [0, 7, 100, bytes.len() - 1] {
            let error = Model::from_bytes(&bytes[..cut]).unwrap_err();
            assert!(error.to_string().contains("tidegate train"), "{error}");
        }
        let mut odd = model;
        odd.steps[0] = f32::NAN;
        assert!(matches!(Model::from_bytes(&odd.to_bytes("guard")), Err(StoreError::Numbers("steps"))));
        let foreign = write(&[], "model=guard;features=0;labels=spam".into());
        assert!(matches!(Model::from_bytes(&foreign), Err(StoreError::Version { .. })));
    }
}
