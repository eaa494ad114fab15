//! What the kernel holds, attribute by attribute, with what the kernel numbers itself taken out.

use std::collections::BTreeMap;
use std::fmt::Write;

use neli::consts::socket::{Msg, NlFamily};
use neli::socket::NlSocket;
use neli::utils::Groups;

/// `NFT_MSG_GET*` (linux/netfilter/nf_tables.h) with the subsystem.
const GETCHAIN: u16 = 0x0a04;
const GETRULE: u16 = 0x0a07;
const GETSET: u16 = 0x0a0a;
const GETSETELEM: u16 = 0x0a0d;
const GETOBJ: u16 = 0x0a13;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;

/// All objects of all tables: chains, rules, sets, elements, objects, one line each.
pub(crate) fn everything() -> Vec<String> {
    let mut names = Names::default();
    let mut lines = Vec::new();
    for (what, kind, dropped) in [
        // NFTA_CHAIN_HANDLE, NFTA_CHAIN_USE.
        ("chain", GETCHAIN, &[2_u16, 6][..]),
        // NFTA_RULE_HANDLE, NFTA_RULE_POSITION.
        ("rule", GETRULE, &[3, 6]),
        // NFTA_OBJ_USE, NFTA_OBJ_HANDLE.
        ("object", GETOBJ, &[5, 6]),
    ] {
        for (_, object) in dump(kind, 0, &[]) {
            lines.push(format!("{what} {}", names.tree(&object, dropped)));
        }
    }
    for (family, set) in dump(GETSET, 0, &[]) {
        let attributes: BTreeMap<u16, &[u8]> = walk(&set).collect();
        let request: Vec<u8> =
            [attribute(1, attributes[&1]), attribute(2, attributes[&2])].concat();
        // NFTA_SET_HANDLE, and NFTA_SET_TYPE and NFTA_SET_COUNT of newer kernels.
        lines.push(format!("set {}", names.tree(&set, &[16])));
        for (_, chunk) in dump(GETSETELEM, family, &request) {
            let elements: BTreeMap<u16, &[u8]> = walk(&chunk).collect();
            for (_, element) in walk(elements.get(&3).copied().unwrap_or_default()) {
                // NFTA_SET_ELEM_EXPIRATION passes by itself.
                let element = names.tree(element, &[5]);
                lines.push(format!(
                    "element of {} {element}",
                    names.text(attributes[&2])
                ));
            }
        }
    }
    lines.sort_by_key(|line| {
        if line.starts_with("rule") {
            String::new()
        } else {
            line.clone()
        }
    });
    lines
}

/// Names of anonymous sets by the order in which rules name them.
#[derive(Default)]
struct Names(BTreeMap<String, usize>);

impl Names {
    fn text(&mut self, value: &[u8]) -> String {
        let text: String = value.iter().map(|b| char::from(*b)).collect();
        if !text.starts_with("__") {
            return text.trim_end_matches('\0').to_owned();
        }
        let next = self.0.len();
        let number = self.0.entry(text.clone()).or_insert(next);
        format!("{}#{number}", &text[..5])
    }

    fn tree(&mut self, bytes: &[u8], dropped: &[u16]) -> String {
        let mut line = String::new();
        for (kind, value) in walk(bytes) {
            let number = kind & 0x3fff;
            if dropped.contains(&number) {
                continue;
            }
            if kind & 0x8000 != 0 || is_nest(value) {
                write!(line, " {number}{{{}}}", self.tree(value, &[])).unwrap();
            } else if is_text(value) {
                write!(line, " {number}={:?}", self.text(value)).unwrap();
            } else {
                let hex: String = value.iter().map(|b| format!("{b:02x}")).collect();
                write!(line, " {number}={hex}").unwrap();
            }
        }
        line
    }
}

/// The kernel does not flag every nest: whether the bytes are attributes to the last.
fn is_nest(mut value: &[u8]) -> bool {
    while let [low, high, kind, 0, ..] = value {
        let length = usize::from(u16::from_ne_bytes([*low, *high]));
        if length < 4 || length > value.len() || *kind > 32 {
            return false;
        }
        value = value.get(length.next_multiple_of(4)..).unwrap_or_default();
        if value.is_empty() {
            return true;
        }
    }
    false
}

fn is_text(value: &[u8]) -> bool {
    value.len() > 2
        && value.ends_with(&[0])
        && value[..value.len() - 1].iter().all(u8::is_ascii_graphic)
}

fn walk(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes(bytes.get(..2)?.try_into().unwrap()));
        let kind = u16::from_ne_bytes(bytes.get(2..4)?.try_into().unwrap());
        let value = &bytes[4..length];
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len() + 4).unwrap();
    let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
    bytes.extend_from_slice(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// Asks for all objects of a kind and gives their families and attributes.
fn dump(kind: u16, family: u8, attributes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    const NLM_F_REQUEST_DUMP: u16 = 0x301;
    let socket = NlSocket::connect(NlFamily::Netfilter, None, Groups::empty()).unwrap();
    let length = u32::try_from(20 + attributes.len()).unwrap();
    let mut request = length.to_ne_bytes().to_vec();
    request.extend(kind.to_ne_bytes());
    request.extend(NLM_F_REQUEST_DUMP.to_ne_bytes());
    request.extend([1, 0, 0, 0, 0, 0, 0, 0, family, 0, 0, 0]);
    request.extend(attributes);
    socket.send(&request, Msg::empty()).unwrap();
    let mut objects = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let (bytes, _) = socket.recv(buffer.as_mut_slice(), Msg::empty()).unwrap();
        let mut rest = &buffer[..bytes];
        while !rest.is_empty() {
            let length = u32::from_ne_bytes(rest[..4].try_into().unwrap());
            let length = usize::try_from(length).unwrap();
            match u16::from_ne_bytes([rest[4], rest[5]]) {
                NLMSG_DONE => return objects,
                NLMSG_ERROR => panic!("dump {kind:#x}: {:?}", &rest[16..20]),
                _ => objects.push((rest[16], rest[20..length].to_vec())),
            }
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
    }
}
