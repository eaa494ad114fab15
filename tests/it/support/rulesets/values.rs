//! Random values of every data type, in the bytes that the kernel holds.

use margay::ruleset::key::KeyBuilder;
use margay::ruleset::{Datatype, Expression, Key};

use super::choices::Choices;
use super::shapes::ranges;

/// Whether a key may be a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Single values only.
    Exact,
    /// Values, prefixes and ranges.
    Ranging,
}

/// The types that a key is made of.
pub(crate) fn types(key: &[Expression]) -> Vec<Datatype> {
    key.iter().map(|expression| expression.datatype()).collect()
}

/// The key of an element. Keys of different numbers, below 8, neither overlap nor touch.
pub(crate) fn key(choices: &mut Choices, types: &[Datatype], number: usize, form: Form) -> Key {
    if let [datatype] = types {
        let (first, last) = field(choices, *datatype, number, form);
        return Key::range(&first, &last);
    }
    let mut builder = KeyBuilder::default();
    for datatype in types {
        let (first, last) = field(choices, *datatype, number, form);
        builder = builder.range(&first, &last);
    }
    builder.build()
}

pub(crate) fn comment(choices: &mut Choices) -> Option<String> {
    let texts = [
        None,
        Some("why"),
        Some("10% of a; {b} # not a comment"),
        Some("ünïcode, 'quoted'"),
    ];
    choices.one_of(&texts).map(str::to_owned)
}

fn field(
    choices: &mut Choices,
    datatype: Datatype,
    number: usize,
    form: Form,
) -> (Vec<u8>, Vec<u8>) {
    let first = exact(choices, datatype, number);
    if form == Form::Exact || !ranges(datatype) || choices.flag() {
        return (first.clone(), first);
    }
    if datatype == Datatype::IfName {
        return wildcard(number);
    }
    if matches!(datatype, Datatype::Ipv4Addr | Datatype::Ipv6Addr) && choices.flag() {
        return prefix(choices, first);
    }
    let mut last = first.clone();
    if let Some(byte) = last.last_mut() {
        *byte |= 0x07;
    }
    (first, last)
}

/// Numbers differ in the bits above the lowest four, and leave a gap.
fn exact(choices: &mut Choices, datatype: Datatype, number: usize) -> Vec<u8> {
    let number = u8::try_from(number).unwrap();
    let low = u8::try_from(choices.below(8)).unwrap();
    let byte = number << 4 | low;
    match datatype {
        Datatype::Ipv4Addr => vec![10, number, 7, byte],
        Datatype::Ipv6Addr => {
            let mut address = vec![0xfd, number, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12, byte];
            address[7] = low;
            address
        }
        Datatype::EtherAddr => vec![2, 0, 0, number, low, 1],
        Datatype::InetService => vec![number, byte],
        Datatype::InetProto
        | Datatype::IcmpType
        | Datatype::IcmpCode
        | Datatype::Icmpv6Type
        | Datatype::Icmpv6Code => vec![byte],
        Datatype::NfProto => vec![[2, 10][usize::from(number % 2)]],
        Datatype::PktType => vec![number % 4],
        Datatype::TcpFlag => vec![1 << number],
        Datatype::IfName => interface(number, low),
        Datatype::IfIndex => u32::from(number + 1).to_ne_bytes().to_vec(),
        Datatype::Mark => (0x0200_0000 | u32::from(byte)).to_ne_bytes().to_vec(),
        Datatype::CtState => [1_u32, 2, 4, 8, 64][usize::from(number % 5)]
            .to_ne_bytes()
            .to_vec(),
        Datatype::FibAddrType => u32::from(number + 1).to_ne_bytes().to_vec(),
    }
}

fn interface(number: u8, low: u8) -> Vec<u8> {
    let mut name = format!("w{}.eth-{low}", letter(usize::from(number))).into_bytes();
    name.resize(16, 0);
    name
}

/// Letters that are not neighbours, or nft would make one range of two wildcards.
fn letter(number: usize) -> char {
    b"acegikmo".map(char::from)[number % 8]
}

/// `"wg*"`.
fn wildcard(number: usize) -> (Vec<u8>, Vec<u8>) {
    let padded = |pad: u8| {
        let mut name = format!("w{}", letter(number)).into_bytes();
        name.resize(16, pad);
        name
    };
    (padded(0), padded(0xff))
}

/// The prefix around an address that differs from others in its second byte.
fn prefix(choices: &mut Choices, address: Vec<u8>) -> (Vec<u8>, Vec<u8>) {
    let length = 16 + choices.below(address.len() * 8 - 16);
    let host = |bit: usize| if bit >= length { 1 << (7 - bit % 8) } else { 0 };
    let (mut first, mut last) = (address.clone(), address);
    for bit in 0..first.len() * 8 {
        first[bit / 8] &= !host(bit);
        last[bit / 8] |= host(bit);
    }
    (first, last)
}
