//! Generates the fold table from maintained Unicode data, so that nothing of it has to be loaded or computed at run time.

#[path = "build/emit.rs"]
mod emit;
#[path = "build/fold.rs"]
mod fold;
#[path = "build/styles.rs"]
mod styles;

use std::path::PathBuf;

#[expect(clippy::disallowed_methods, reason = "cargo tells a build script its folder through the environment")]
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=build");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR for build scripts"));
    let source = emit::source(&fold::Folder::new());
    std::fs::write(out.join("fold_table.rs"), source).expect("the fold table can be written to OUT_DIR");
}
