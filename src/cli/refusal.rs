//! What the kernel refused, in words of the documents.

use crate::backend::reconcile::ReconcileError;
use crate::compile::words::blamed;
use crate::model::State;

/// What is printed of an error: the kernel's words, then the policy and the rules that it is about.
pub fn told(error: &ReconcileError, state: &State, host: &str) -> String {
    let about = match error {
        ReconcileError::Commit(error) => error
            .culprit()
            .and_then(|culprit| blamed(&culprit.operation, culprit.element, state, host)),
        ReconcileError::Observe(_) => None,
    };
    match about {
        Some(about) => format!("{error}\nabout {about}"),
        None => error.to_string(),
    }
}
