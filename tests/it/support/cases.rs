//! Cases that others collected, which are no part of the repository.

use std::path::{Path, PathBuf};

/// The text of a file of the cases. Where they are absent a test is skipped loudly, or fails if
/// `REQUIRE_CASES=1`.
pub(crate) fn text(name: &str) -> Option<String> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let folder = std::env::var_os("MARGAY_CASES").map_or_else(beside, PathBuf::from);
    let path = folder.join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) => {
            let required = std::env::var_os("REQUIRE_CASES").is_some_and(|value| value == "1");
            assert!(
                !required,
                "REQUIRE_CASES=1, but {}: {error}",
                path.display()
            );
            println!("SKIPPED: {}: {error}", path.display());
            None
        }
    }
}
