//! What nft prints of a translation that it loaded: other words for the same, which `verify` reads.

use margay::migrate::nft::{parse, print};
use margay::migrate::translate::{Class, translate};
use margay::migrate::verify::symbolic::verify;

use super::forms::{FORMS, Form, read};
use crate::support::netns::{in_netns, nft, nft_result};

/// What nft spells as a map of all types of service, which is read by nothing.
const OF_ALL_TYPES: &str = "-j TOS --";

#[test]
fn a_listing_of_a_translation_is_proven() {
    in_netns("a_listing_of_a_translation_is_proven", || {
        let mut wrong = Vec::new();
        let mut proofs = 0;
        for form in Form::all(FORMS) {
            if form.may_lack() || form.rule.contains(OF_ALL_TYPES) {
                continue;
            }
            let host = read(&form, &form.dump());
            let translation = translate(&host);
            if translation
                .judgements
                .iter()
                .any(|one| one.class > Class::Equivalent)
            {
                continue;
            }
            nft_result(&["flush", "ruleset"], "").unwrap();
            nft_result(&["-f", "-"], &print::print(&translation.ruleset)).unwrap();
            let listed = nft(&["list", "ruleset"], "");
            let verified = parse(&listed)
                .map_err(|error| error.to_string())
                .and_then(|parsed| {
                    verify(&host.dumps, &host.sets, &parsed).map_err(|error| error.to_string())
                });
            match verified {
                Ok(report) if report.is_equal() => proofs += 1,
                Ok(report) => wrong.push(format!("{form:?}\n{listed}{:#?}", report.parts)),
                Err(error) => wrong.push(format!("{form:?}: {error}\n{listed}")),
            }
        }
        assert!(
            wrong.is_empty(),
            "{} of {}:\n{}",
            wrong.len(),
            wrong.len() + proofs,
            wrong.join("\n")
        );
        assert!(proofs > 150, "{proofs}");
    });
}
