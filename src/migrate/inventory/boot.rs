//! What loads rules when a host starts.

use std::fs;
use std::path::Path;

/// Something that loads rules when the host starts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum BootUnit {
    /// A unit of systemd that is enabled.
    Service(String),
    /// A file of rules, or a script that loads them.
    File(String),
}

/// Services that program packet filters.
const SERVICES: &[&str] = &[
    "netfilter-persistent.service",
    "iptables.service",
    "ip6tables.service",
    "ipset.service",
    "ufw.service",
    "firewalld.service",
    "shorewall.service",
    "shorewall6.service",
    "ferm.service",
    "firehol.service",
    "fail2ban.service",
    "docker.service",
    "libvirtd.service",
    "tailscaled.service",
    "kubelet.service",
    "calico-felix.service",
    "nftables.service",
];

const WANTS: &[&str] = &[
    "etc/systemd/system/multi-user.target.wants",
    "etc/systemd/system/sysinit.target.wants",
    "etc/systemd/system/basic.target.wants",
    "etc/systemd/system/network-pre.target.wants",
];

const FILES: &[&str] = &[
    "etc/iptables/rules.v4",
    "etc/iptables/rules.v6",
    "etc/iptables/ipsets",
    "etc/sysconfig/iptables",
    "etc/sysconfig/ip6tables",
    "etc/network/if-pre-up.d/iptables",
    "etc/ferm/ferm.conf",
    "etc/firehol/firehol.conf",
    "etc/shorewall/rules",
    "etc/nftables.conf",
];

/// What of a host, whose files begin at `root`, loads rules at its start. Files are looked for, never read.
pub fn boot_units(root: &Path) -> Vec<BootUnit> {
    let wanted = WANTS.iter().flat_map(|folder| names(&root.join(folder)));
    let services = wanted.filter(|name| SERVICES.contains(&name.as_str()));
    let files = FILES.iter().filter(|file| root.join(file).exists());
    let mut units: Vec<_> = services
        .map(BootUnit::Service)
        .chain(files.map(|file| BootUnit::File(format!("/{file}"))))
        .collect();
    units.sort();
    units.dedup();
    units
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.collect()
}
