//! Cases that others collected, which are no part of the repository.

use std::path::{Path, PathBuf};

/// The text of a file of the cases. Where they are absent a test is skipped loudly, or fails if
/// `REQUIRE_CASES=1`.
pub(crate) fn text(name: &str) -> Option<String> {
    let path = path(name);
    std::fs::read_to_string(&path)
        .map_err(|error| absent(&path, &error))
        .ok()
}

/// A folder of the cases, under the same conditions.
pub(crate) fn folder(name: &str) -> Option<PathBuf> {
    let path = path(name);
    std::fs::read_dir(&path)
        .map_err(|error| absent(&path, &error))
        .ok()?;
    Some(path)
}

fn path(name: &str) -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    std::env::var_os("MARGAY_CASES")
        .map_or_else(beside, PathBuf::from)
        .join(name)
}

fn absent(path: &Path, error: &std::io::Error) {
    let required = std::env::var_os("REQUIRE_CASES").is_some_and(|value| value == "1");
    assert!(
        !required,
        "REQUIRE_CASES=1, but {}: {error}",
        path.display()
    );
    println!("SKIPPED: {}: {error}", path.display());
}
