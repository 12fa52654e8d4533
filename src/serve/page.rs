//! Lists in pages, and what callers asked for in the words of the audit log.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::fault::Fault;

/// Lines of a page, at most.
pub(super) const PAGE_MAX: usize = 500;
const PAGE: usize = 50;
/// What is read for a page, at most: it ends there, and the next one goes on.
pub(super) const PAGE_BYTES_MAX: usize = 8 << 20;

/// A page of a list, or all of a short one.
#[derive(Serialize, ToSchema)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    /// The cursor of the next page; absent behind the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

impl<T> Page<T> {
    /// All there is.
    pub(super) fn whole(items: impl IntoIterator<Item = T>) -> Self {
        Self { items: items.into_iter().collect(), next: None }
    }
}

/// Which page of a list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Pages {
    /// Where an earlier page said that the next one begins.
    pub(super) cursor: Option<String>,
    /// How many, from 1 to 500; 50 if it is not said.
    pub(super) limit: Option<usize>,
}

impl Pages {
    /// The part of a list that this page is.
    pub(super) fn of<'a, T, V>(&self, all: &'a [T], view: impl Fn(&'a T) -> V) -> Result<Page<V>, Fault> {
        let limit = page_size(self.limit)?;
        let start = usize::try_from(cursor(self.cursor.as_deref(), 0)?).unwrap_or(usize::MAX).min(all.len());
        let end = start.saturating_add(limit).min(all.len());
        let next = (end < all.len()).then(|| written(end as u64));
        Ok(Page { items: all[start..end].iter().map(view).collect(), next })
    }
}

pub(super) fn page_size(limit: Option<usize>) -> Result<usize, Fault> {
    let limit = limit.unwrap_or(PAGE);
    if (1..=PAGE_MAX).contains(&limit) {
        return Ok(limit);
    }
    Err(Fault::bad(format!("limit is {limit}; it may be 1 to {PAGE_MAX}")))
}

/// The number in a cursor; `first` where there is none.
pub(super) fn cursor(text: Option<&str>, first: u64) -> Result<u64, Fault> {
    let Some(text) = text else { return Ok(first) };
    let number = text.strip_prefix('c').and_then(|hex| u64::from_str_radix(hex, 16).ok());
    number.ok_or_else(|| Fault::bad(format!("cursor is {text:?}; take it from `next` of the page before")))
}

pub(super) fn written(cursor: u64) -> String {
    format!("c{cursor:x}")
}

/// What was asked for, for the audit log: the call, and its parameters as they were given.
pub(super) fn asked(call: &str, parameters: &impl Serialize) -> String {
    let mut parameters = serde_json::to_value(parameters).expect("parameters are plain data");
    if let Some(given) = parameters.as_object_mut() {
        given.retain(|_, value| !value.is_null());
    }
    format!("{call} {parameters}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_given_page_by_page_whatever_the_cursor_says() {
        let all: Vec<u32> = (0..5).collect();
        let page = |cursor: Option<&str>| {
            Pages { cursor: cursor.map(str::to_owned), limit: Some(2) }
                .of(&all, |n| *n)
                .map(|page| (page.items, page.next))
        };
        assert_eq!(page(None).unwrap(), (vec![0, 1], Some("c2".into())));
        assert_eq!(page(Some("c4")).unwrap(), (vec![4], None));
        assert_eq!(page(Some("cffffffffffffffff")).unwrap(), (vec![], None));
        assert!(page(Some("4")).is_err() && page(Some("c-1")).is_err());
    }
}
