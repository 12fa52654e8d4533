//! `make bless` rewrites what is generated; without it, a difference fails.

/// Whether generated files are to be rewritten: `SNAPSHOTS=overwrite`, as the command snapshots have it.
#[expect(clippy::disallowed_methods, reason = "a switch for who runs the tests, not for the product")]
pub(crate) fn is_blessing() -> bool {
    std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite")
}
