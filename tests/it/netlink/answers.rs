//! Answers of the kernel that do not arrive, or that nobody read.

use margay::backend::nft::{NftBackend, Ownership};
use margay::backend::{Backend, CommitError};
use margay::ruleset::Chain;
use margay::ruleset::transaction::Operation;

use super::program::commit_of;
use super::refusals::{name, table};
use crate::support::netns::in_netns;

/// `NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN`, `NLM_F_REQUEST | NLM_F_ACK` (linux/netfilter/nfnetlink.h,
/// linux/netfilter/nf_tables.h, linux/netlink.h).
const GET_GENERATION: u16 = 10 << 8 | 16;
const REQUEST_AND_ACK: u16 = 1 | 4;
/// Bytes of a header of netlink and one of nfnetlink.
const QUESTION_BYTES: u32 = 20;

/// Asks questions that nobody will read the answers to, until there is no room for any more.
fn fill(backend: &NftBackend, sequences: impl Iterator<Item = u32>) {
    let socket = backend.descriptor();
    // The kernel makes the least of it that it allows.
    rustix::net::sockopt::set_socket_recv_buffer_size(socket, 1).unwrap();
    for sequence in sequences {
        let mut question = QUESTION_BYTES.to_ne_bytes().to_vec();
        question.extend(GET_GENERATION.to_ne_bytes());
        question.extend(REQUEST_AND_ACK.to_ne_bytes());
        question.extend(sequence.to_ne_bytes());
        question.resize(usize::try_from(QUESTION_BYTES).unwrap(), 0);
        let sent = rustix::net::send(socket, &question, rustix::net::SendFlags::empty());
        assert_eq!(sent.unwrap(), question.len());
    }
}

#[test]
fn a_lost_answer_is_no_refusal_and_what_it_made_is_ours() {
    in_netns(
        "netlink::answers::a_lost_answer_is_no_refusal_and_what_it_made_is_ours",
        || {
            let mut backend = NftBackend::new(Ownership::Owner).unwrap();
            fill(&backend, 1_000..1_100);
            let lost = backend.commit(&commit_of(&table(), vec![Operation::AddTable]));
            assert!(matches!(lost, Err(CommitError::Unanswered)), "{lost:?}");
            assert!(backend.is_owned());
            assert!(backend.observe(&table()).unwrap().is_some());
            let chain = Operation::AddChain(name("c"), Chain::default());
            backend.commit(&commit_of(&table(), vec![chain])).unwrap();
        },
    );
}

#[test]
fn an_answer_that_nobody_read_stands_for_no_other() {
    in_netns(
        "netlink::answers::an_answer_that_nobody_read_stands_for_no_other",
        || {
            let mut backend = NftBackend::new(Ownership::None).unwrap();
            // So the only message of a batch is numbered.
            fill(&backend, std::iter::repeat_n(1, 100));
            let given_up = backend.generation().unwrap_err();
            let no_room = std::io::Error::from_raw_os_error(libc::ENOBUFS).to_string();
            assert!(given_up.to_string().contains(&no_room), "{given_up}");
            let chain = Operation::AddChain(name("c"), Chain::default());
            let refused = backend.commit(&commit_of(&table(), vec![chain]));
            assert!(
                matches!(refused, Err(CommitError::Refused { .. })),
                "{refused:?}"
            );
        },
    );
}
