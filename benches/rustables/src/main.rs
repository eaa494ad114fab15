//! A peer of the benchmarks: programs rules by the crate rustables, as far as it goes.
//!
//! Reads one command a line from standard input: `table`, `set NAME 4|6`, `add NAME ADDRESS...`,
//! `remove NAME ADDRESS...`, `drop-set NAME`, `chain NAME [forward PRIORITY]`, `flush NAME`, `rule CHAIN WORD...`,
//! `drop-chain NAME`, `drop-table`. rustables asks for an acknowledgement of every message and never enlarges
//! a buffer, so what is long goes in several batches, each a transaction of its own.

mod rule;

use std::error::Error;
use std::io::{BufRead as _, stdin};
use std::net::{Ipv4Addr, Ipv6Addr};

use rustables::data_type::DataType;
use rustables::set::{SetBuilder, SetElementList};
use rustables::{
    Batch, Chain, ChainPolicy, ChainType, Hook, HookClass, MsgType, ProtocolFamily, Rule, Set,
    Table,
};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// The table that everything is in.
const TABLE: &str = "rustables";
/// What one batch may weigh. 256 acknowledgements fill the buffer that a socket has unasked.
const BATCH: usize = 100;
/// What a list of elements weighs: the buffer for sending holds three of them.
const LIST: usize = 50;

fn main() -> Outcome<()> {
    let mut sender = Sender::new();
    for line in stdin().lock().lines() {
        sender.obey(&line?)?;
    }
    sender.send()
}

struct Sender {
    table: Table,
    batch: Batch,
    weight: usize,
    /// What was declared here, so that every set has a number of its own.
    sets: u32,
}

impl Sender {
    fn new() -> Self {
        Self {
            table: Table::new(ProtocolFamily::Inet).with_name(TABLE),
            batch: Batch::new(),
            weight: 0,
            sets: 0,
        }
    }

    fn obey(&mut self, line: &str) -> Outcome<()> {
        let mut words = line.split(' ');
        let (command, name) = (words.next().unwrap_or_default(), words.next());
        let name = name.unwrap_or_default();
        let rest: Vec<&str> = words.collect();
        match command {
            "table" => self.batch.add(&self.table, MsgType::Add),
            "drop-table" => self.batch.add(&self.table, MsgType::Del),
            "set" => {
                let set = self.set(name, &rest)?;
                self.batch.add(&set, MsgType::Add);
            }
            "drop-set" => {
                let set = self.set(name, &["4"])?;
                self.batch.add(&set, MsgType::Del);
            }
            "add" => self.elements(name, &rest, MsgType::Add)?,
            "remove" => self.elements(name, &rest, MsgType::Del)?,
            "chain" => {
                let chain = self.chain(name, &rest)?;
                self.batch.add(&chain, MsgType::Add);
            }
            "drop-chain" => {
                let chain = self.chain(name, &[])?;
                self.batch.add(&chain, MsgType::Del);
            }
            // A rule without a handle is every rule of its chain.
            "flush" => {
                let rules = Rule::new(&self.chain(name, &[])?)?;
                self.batch.add(&rules, MsgType::Del);
            }
            "rule" => {
                let rule = rule::read(Rule::new(&self.chain(name, &[])?)?, &rest)?;
                self.batch.add(&rule, MsgType::Add);
            }
            _ => return Err(format!("no such command: {line}").into()),
        }
        self.weigh(1)
    }

    fn set(&mut self, name: &str, rest: &[&str]) -> Outcome<Set> {
        let (mut set, _) = match rest {
            ["4"] => SetBuilder::<Ipv4Addr>::new(name, &self.table)?.finish(),
            ["6"] => SetBuilder::<Ipv6Addr>::new(name, &self.table)?.finish(),
            _ => return Err(format!("set {name} is of no family").into()),
        };
        self.sets += 1;
        set.family = ProtocolFamily::Inet;
        Ok(set.with_id(self.sets))
    }

    fn elements(&mut self, set: &str, addresses: &[&str], what: MsgType) -> Outcome<()> {
        let list = match addresses.first() {
            Some(first) if first.contains(':') => list::<Ipv6Addr>(set, &self.table, addresses)?,
            _ => list::<Ipv4Addr>(set, &self.table, addresses)?,
        };
        self.batch.add(&list, what);
        self.weigh(LIST)
    }

    fn chain(&self, name: &str, rest: &[&str]) -> Outcome<Chain> {
        let chain = Chain::new(&self.table).with_name(name);
        Ok(match rest {
            ["forward", priority] => chain
                .with_type(ChainType::Filter)
                .with_hook(Hook::new(HookClass::Forward, priority.parse()?))
                .with_policy(ChainPolicy::Accept),
            _ => chain,
        })
    }

    fn weigh(&mut self, weight: usize) -> Outcome<()> {
        self.weight += weight;
        match self.weight >= BATCH {
            true => self.send(),
            false => Ok(()),
        }
    }

    fn send(&mut self) -> Outcome<()> {
        if self.weight > 0 {
            self.weight = 0;
            std::mem::replace(&mut self.batch, Batch::new()).send()?;
        }
        Ok(())
    }
}

fn list<K>(set: &str, table: &Table, addresses: &[&str]) -> Outcome<SetElementList>
where
    K: DataType + std::str::FromStr<Err = std::net::AddrParseError>,
{
    let mut builder = SetBuilder::<K>::new(set, table)?;
    for address in addresses {
        builder.add(&address.parse()?);
    }
    Ok(builder.finish().1)
}
