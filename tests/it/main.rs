//! The one integration test binary.
#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]
#![allow(clippy::print_stdout, reason = "a test says what it counted")]

// Random worlds: policy read literally, traced, and obeyed by real packets.
mod property;
// Cases that others collected, with real packets.
mod policies;
// Many tiers, with real packets.
mod tiers;
// Packets without a transport header, traced and with real packets.
mod headers;
// Counters of single rules, with real packets.
mod counters;
// Faults planted into compiled rulesets, each to be found.
mod faults;
// No packet sees half a policy: updates under load, killed, and squashed as a control.
mod gapless;
// What several tests share: namespaces, devices, packets.
mod support;

// The shape of the repository itself.
mod tidy;

// Calico resources in, state and problems out; their validation, their table of fields.
mod calico;

// What the agent is told: the environment, the file, the datastore.
mod configuration;

// The language of selectors: truth, text, faults, what an index may rely on.
mod selectors;

// Documents in, state and problems out.
mod documents;

// The program as scripts see it.
mod cli;
// What the benchmark harness measures, and what it refuses to.
mod bench;
// The samples of the readme.
mod readme;

// The nft text of rulesets, printed and read.
mod text;

// Every parser, given what nobody should write.
mod fuzz;

// What xtables has no words for.
mod unsayable;

// Golden folders: a policy, the ruleset that it becomes, what packets meet there.
mod golden;

// What a folder and an etcd say, also when they fail; what a book makes of it.
mod store;

// What changes become on their way to the kernel.
mod diff;

// What every backend must refuse.
mod contract;

// What nft makes of our JSON.
mod json;

// Traces, held against the kernel.
mod trace;

// The netlink backend against the kernel, with nft as the witness.
mod netlink;

// The demo, run as a user runs it.
mod demo;

// What others change is put back.
mod repair;
// Rules of iptables and ipsets: written, put back, changed under load, and changed for nf_tables.
mod xtables;
// What the kernel refuses, provoked and printed with policy and rule; named namespaces.
mod refusals;
// What the agent tells the world: control socket, health, metrics, systemd.
mod agent;
// Documents to the kernel and back: plan, apply, cleanup.
mod apply;
// The last apply, kept or undone.
mod undo;
// What a host lacks, and who else is there.
mod doctor;
// What a packet costs, counted: the same at any number of rules and endpoints.
mod flat;

// What a change sends to the kernel: the same whatever else there is.
mod bytes;

// Peers of the benchmarks, with real packets.
mod peers;

// Routes, neighbours, settings and connections of workloads, with the kernel's own tools as witness.
mod host;

// A benchmark run as lines, tables and a page, and two of them compared.
mod bench_report;

// An iptables host in nft: dumps of others, every form of every match and target, the command.
mod migrate;
