//! What must hold, judged by what a run measured.

use super::measurement::{Claim, Run};

/// The claims that the run has the measurements for.
pub fn judged(_run: &Run) -> Vec<Claim> {
    Vec::new()
}
