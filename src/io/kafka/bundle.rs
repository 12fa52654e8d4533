//! Files as one piece of bytes, and that in chunks that a topic takes: for whatever has to reach every instance whole.

use std::io::{Read, Write};

use super::changelog::{parts, put_part};
use super::options::RECORD_BYTES_MAX;

/// Files of a bundle, at most.
pub(super) const FILES_MAX: usize = 20_000;
/// A bundle as it is sent, at most: every instance holds it in memory while it is taken.
pub(super) const PACKED_BYTES_MAX: usize = 64 << 20;
/// A bundle's files together, at most.
pub(super) const BYTES_MAX: usize = 1 << 30;
/// How hard it is pressed: it is packed once, and sent and kept many times.
const LEVEL: i32 = 9;
/// What a bundle begins with: another form gets another number.
const FORM: &[u8] = b"tidegate bundle 1";

/// A file of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleFile {
    /// Its path within the bundle.
    pub path: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Packs files in their order.
pub(super) fn pack(files: &[BundleFile]) -> Result<Vec<u8>, String> {
    let bytes: usize = files.iter().map(|file| file.bytes.len()).sum();
    if files.len() > FILES_MAX {
        return Err(format!("it has {} files; at most {FILES_MAX} can be sent", files.len()));
    }
    if bytes > BYTES_MAX {
        return Err(format!("its files have {bytes} bytes; at most {BYTES_MAX} can be sent"));
    }
    let mut plain = Vec::with_capacity(bytes + files.len() * 64);
    put_part(&mut plain, FORM);
    for file in files {
        put_part(&mut plain, file.path.as_bytes());
        put_part(&mut plain, &file.bytes);
    }
    let mut encoder = zstd::Encoder::new(Vec::new(), LEVEL).map_err(|error| error.to_string())?;
    encoder.write_all(&plain).map_err(|error| error.to_string())?;
    let packed = encoder.finish().map_err(|error| error.to_string())?;
    if packed.len() > PACKED_BYTES_MAX {
        return Err(format!("it has {} bytes as it is sent; at most {PACKED_BYTES_MAX} can be", packed.len()));
    }
    Ok(packed)
}

/// Unpacks what [`pack`] packed.
pub(super) fn unpack(packed: &[u8]) -> Result<Vec<BundleFile>, String> {
    let decoder = zstd::Decoder::new(packed).map_err(|error| error.to_string())?;
    let (mut plain, max) = (Vec::new(), BYTES_MAX as u64 + (64 << 20));
    decoder.take(max + 1).read_to_end(&mut plain).map_err(|error| format!("it cannot be unpacked: {error}"))?;
    if plain.len() as u64 > max {
        return Err(format!("it unpacks to more than {max} bytes"));
    }
    let parts = parts(&plain).ok_or("the lengths in it do not add up")?;
    let Some((&FORM, files)) = parts.split_first() else { return Err("it is of a form that is not known here".into()) };
    if !files.len().is_multiple_of(2) || files.len() / 2 > FILES_MAX {
        return Err("names and contents in it do not add up".into());
    }
    let file = |pair: &[&[u8]]| {
        let path = String::from_utf8(pair[0].to_vec()).map_err(|_| "a name in it is not UTF-8".to_owned())?;
        Ok(BundleFile { path, bytes: pair[1].to_vec() })
    };
    files.chunks_exact(2).map(file).collect()
}

/// The chunks that packed bytes are sent in.
pub(super) fn chunks(packed: &[u8]) -> impl ExactSizeIterator<Item = &[u8]> {
    packed.chunks(RECORD_BYTES_MAX)
}

/// What packed bytes are known by.
pub(super) fn name_of(packed: &[u8]) -> String {
    blake3::hash(packed).to_hex()[..32].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(path: &str, bytes: &[u8]) -> BundleFile {
        BundleFile { path: path.into(), bytes: bytes.to_vec() }
    }

    #[test]
    fn what_was_packed_comes_back_in_its_order() {
        let files = [file("base/b.yaml", b"[]"), file("base/words/a.txt", "薇信\n".as_bytes()), file("overlay/x", b"")];
        let packed = pack(&files).unwrap();
        assert_eq!(unpack(&packed).unwrap(), files);
        assert_eq!(packed, pack(&files).unwrap(), "the same files have the same name");
        assert_eq!(unpack(&pack(&[]).unwrap()).unwrap(), []);
    }

    #[test]
    fn large_bundles_go_in_chunks_that_a_record_takes() {
        let mut random = fastrand::Rng::with_seed(1);
        let noise: Vec<u8> = (0..3 << 20).map(|_| random.u8(..)).collect();
        let packed = pack(&[file("noise", &noise)]).unwrap();
        let all: Vec<&[u8]> = chunks(&packed).collect();
        assert!(all.len() > 1 && all.iter().all(|chunk| chunk.len() <= RECORD_BYTES_MAX), "{}", all.len());
        assert_eq!(all.concat(), packed);
    }

    #[test]
    fn another_form_is_refused() {
        let mut plain = Vec::new();
        put_part(&mut plain, b"tidegate bundle 2");
        let other = zstd::encode_all(&plain[..], 1).unwrap();
        assert_eq!(unpack(&other).unwrap_err(), "it is of a form that is not known here");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = unpack(&bytes);
            let _ = unpack(&zstd::encode_all(&bytes[..], 1).unwrap());
        }
    }
}
