//! Whose a chain is. Names and comments tell: no program signs its rules.

use std::fmt;

use crate::migrate::iptables::{Rule, Table, Target, Test};

/// A program that keeps rules of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// Docker.
    Docker,
    /// kube-proxy and the kubelet.
    KubeProxy,
    /// Calico's Felix.
    Felix,
    /// Plugins of the Container Network Interface.
    Cni,
    /// Flannel.
    Flannel,
    /// Cilium.
    Cilium,
    /// Weave.
    Weave,
    /// fail2ban.
    Fail2ban,
    /// libvirt.
    Libvirt,
    /// ufw.
    Ufw,
    /// firewalld.
    Firewalld,
    /// Tailscale.
    Tailscale,
    /// OpenStack Neutron.
    Neutron,
}

/// How names of chains begin.
const CHAINS: &[(&str, Owner)] = &[
    ("DOCKER", Owner::Docker),
    ("KUBE-", Owner::KubeProxy),
    ("cali-", Owner::Felix),
    ("felix-", Owner::Felix),
    ("CNI-", Owner::Cni),
    ("FLANNEL-", Owner::Flannel),
    ("CILIUM_", Owner::Cilium),
    ("WEAVE", Owner::Weave),
    ("f2b-", Owner::Fail2ban),
    ("fail2ban-", Owner::Fail2ban),
    ("LIBVIRT_", Owner::Libvirt),
    ("ufw-", Owner::Ufw),
    ("ufw6-", Owner::Ufw),
    ("ts-", Owner::Tailscale),
    ("neutron-", Owner::Neutron),
];

/// How names of firewalld's chains begin and end; they count where one of its dispatchers is there.
const FIREWALLD: (&[&str], &[&str]) = (
    &["IN_", "FWDI_", "FWDO_", "PRE_", "POST_"],
    &[
        "_direct",
        "_ZONES",
        "_ZONES_SOURCE",
        "_POLICIES_pre",
        "_POLICIES_post",
    ],
);

/// How names of sets begin.
const SETS: &[(&str, Owner)] = &[
    ("cali40", Owner::Felix),
    ("cali60", Owner::Felix),
    ("KUBE-", Owner::KubeProxy),
    ("f2b-", Owner::Fail2ban),
    ("fail2ban-", Owner::Fail2ban),
    ("docker-ext-bridges-", Owner::Docker),
    ("weave-", Owner::Weave),
    ("cilium_", Owner::Cilium),
    ("NETIPv4", Owner::Neutron),
    ("NETIPv6", Owner::Neutron),
];

/// How comments of rules begin.
const COMMENTS: &[(&str, Owner)] = &[
    ("cali:", Owner::Felix),
    ("kubernetes ", Owner::KubeProxy),
    ("flanneld ", Owner::Flannel),
    ("cilium", Owner::Cilium),
];

impl Owner {
    /// Whose a chain is.
    pub(super) fn of_chain(table: &Table, name: &str) -> Option<Self> {
        by_beginning(CHAINS, name).or_else(|| {
            let ends = |name: &str| FIREWALLD.1.iter().any(|end| name.ends_with(end));
            let begins = FIREWALLD.0.iter().any(|begin| name.starts_with(begin));
            let dispatched = || {
                table
                    .chains
                    .iter()
                    .any(|chain| chain.name.ends_with("_ZONES"))
            };
            ((begins || ends(name)) && dispatched()).then_some(Self::Firewalld)
        })
    }

    /// Whose a rule is: it jumps to a chain of its owner, or says so.
    pub(super) fn of_rule(table: &Table, rule: &Rule) -> Option<Self> {
        for one in &rule.matches {
            if let Test::Comment(text) = &one.test
                && let Some(owner) = by_beginning(COMMENTS, text)
            {
                return Some(owner);
            }
        }
        let (Target::Jump(name) | Target::Goto(name)) = &rule.target else {
            return None;
        };
        Self::of_chain(table, name)
    }

    /// Whose a set is.
    pub(super) fn of_set(name: &str) -> Option<Self> {
        by_beginning(SETS, name)
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Docker => "Docker",
            Self::KubeProxy => "kube-proxy",
            Self::Felix => "Felix",
            Self::Cni => "CNI",
            Self::Flannel => "Flannel",
            Self::Cilium => "Cilium",
            Self::Weave => "Weave",
            Self::Fail2ban => "fail2ban",
            Self::Libvirt => "libvirt",
            Self::Ufw => "ufw",
            Self::Firewalld => "firewalld",
            Self::Tailscale => "Tailscale",
            Self::Neutron => "Neutron",
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

fn by_beginning(known: &[(&str, Owner)], text: &str) -> Option<Owner> {
    let found = known
        .iter()
        .find(|(beginning, _)| text.starts_with(beginning));
    found.map(|(_, owner)| *owner)
}
