//! The expected matrix: who may reach whom, read from the text that somebody wrote by hand.
//!
//! The format is described at the head of `examples/demo/expected.txt`.

use std::net::{IpAddr, Ipv4Addr};

use super::matrix::{Disguise, Flow, Matrix, Place, Service, Verdict, Workload};
use crate::net::{Family, InterfaceName, InvalidValue, MacAddress, decimal};

/// A line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct ExpectedError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it and what is allowed.
    pub reason: String,
}

/// Reads a file of expectations.
///
/// # Errors
/// The first line that is not of the format.
pub fn parse(text: &str) -> Result<Matrix, ExpectedError> {
    let mut matrix = Matrix::default();
    let (mut section, mut after_gap) = (String::new(), true);
    for (line, raw) in (1..).zip(text.lines()) {
        let (said, remark) = raw.split_once('#').unwrap_or((raw, ""));
        let words: Vec<&str> = said.split_whitespace().collect();
        if words.is_empty() && !remark.is_empty() && after_gap {
            remark.trim().clone_into(&mut section);
        }
        after_gap = raw.trim().is_empty();
        matrix
            .add(&words, line, &section)
            .map_err(|reason| ExpectedError { line, reason })?;
    }
    Ok(matrix)
}

impl Matrix {
    fn add(&mut self, words: &[&str], line: usize, section: &str) -> Result<(), String> {
        match words {
            [] => {}
            ["place", name, rest @ ..] => self.places.push(place(name, rest)?),
            ["workload", name, endpoints @ ..] => self.workloads.push(Workload {
                name: (*name).to_owned(),
                endpoints: endpoints.iter().map(|&word| word.to_owned()).collect(),
            }),
            [from, "->", to, protocol, what, family, rest @ ..] => {
                let (service, family) = service(protocol, what, family)?;
                let (disguise, expected) = outcome(rest)?;
                let flow = Flow {
                    line,
                    section: section.to_owned(),
                    from: (*from).to_owned(),
                    to: (*to).to_owned(),
                    service,
                    family,
                    disguise,
                    expected,
                };
                flow.check()?;
                self.flows.push(flow);
            }
            _ => {
                return Err(
                    "expected place NAME ADDRESS..., workload NAME ENDPOINT..., or \
                            FROM -> TO PROTOCOL WHAT FAMILY : allow | deny"
                        .to_owned(),
                );
            }
        }
        Ok(())
    }
}

impl Flow {
    /// What no packet can be.
    fn check(&self) -> Result<(), String> {
        match (self.disguise, self.service) {
            (Disguise::Address(address), _) if Family::of(address) != self.family => {
                Err(format!("{address} is not of the family of the flow"))
            }
            (Disguise::Address(_) | Disguise::Unnumbered, Service::Tcp(_)) => {
                Err("as ADDRESS is for udp and icmp: a connection needs its answers".to_owned())
            }
            (Disguise::Unnumbered, Service::Echo) => {
                Err("as 0.0.0.0 is for udp: nobody answers a broadcast echo".to_owned())
            }
            (
                Disguise::None | Disguise::Address(_) | Disguise::Unnumbered | Disguise::Mac(_),
                _,
            ) => Ok(()),
        }
    }
}

fn place(name: &str, words: &[&str]) -> Result<Place, String> {
    let (addresses, interface) = match words {
        [addresses @ .., "on", interface] => (addresses, Some(interface)),
        addresses => (addresses, None),
    };
    let address = |word: &&str| {
        word.parse::<IpAddr>()
            .map_err(|_| InvalidValue::new("address", word, "an IPv4 or IPv6 address").to_string())
    };
    Ok(Place {
        name: name.to_owned(),
        addresses: addresses.iter().map(address).collect::<Result<_, _>>()?,
        interface: interface
            .map(|word| word.parse::<InterfaceName>())
            .transpose()
            .map_err(|error| error.to_string())?,
    })
}

fn service(protocol: &str, what: &str, family: &str) -> Result<(Service, Family), String> {
    let family = match family {
        "v4" => Family::V4,
        "v6" => Family::V6,
        _ => return Err(InvalidValue::new("family", family, "v4 or v6").to_string()),
    };
    let service = match (protocol, family, what) {
        ("tcp", _, _) => Service::Tcp(port(what)?),
        ("udp", _, _) => match what.split_once('>') {
            Some((source, destination)) => Service::Udp {
                source: Some(port(source)?),
                destination: port(destination)?,
            },
            None => Service::Udp {
                source: None,
                destination: port(what)?,
            },
        },
        ("icmp", Family::V4, "8/0") | ("icmpv6", Family::V6, "128/0") => Service::Echo,
        _ => {
            return Err(format!(
                "invalid {protocol} {what}: expected tcp PORT, udp PORT, udp PORT>PORT, \
                 icmp 8/0 with v4 or icmpv6 128/0 with v6"
            ));
        }
    };
    Ok((service, family))
}

fn port(text: &str) -> Result<u16, String> {
    decimal(text).ok_or_else(|| InvalidValue::new("port", text, "0-65535").to_string())
}

fn outcome(words: &[&str]) -> Result<(Disguise, Verdict), String> {
    let (disguise, verdict) = match words {
        [":", verdict] => (Disguise::None, verdict),
        ["as", address, ":", verdict] => (pretended(address)?, verdict),
        ["mac", mac, ":", verdict] => {
            let mac = mac
                .parse::<MacAddress>()
                .map_err(|error| error.to_string())?;
            (Disguise::Mac(mac), verdict)
        }
        _ => return Err("expected [as ADDRESS | mac MAC] : allow | deny".to_owned()),
    };
    match *verdict {
        "allow" => Ok((disguise, Verdict::Allow)),
        "deny" => Ok((disguise, Verdict::Deny)),
        other => Err(InvalidValue::new("verdict", other, "allow or deny").to_string()),
    }
}

fn pretended(text: &str) -> Result<Disguise, String> {
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED)) => Ok(Disguise::Unnumbered),
        Ok(address) => Ok(Disguise::Address(address)),
        Err(_) => Err(InvalidValue::new("address", text, "an IPv4 or IPv6 address").to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_reads_as_it_prints() {
        for text in [
            "a -> b tcp 80 v4",
            "a -> host udp 68>67 v4 as 0.0.0.0",
            "a -> b udp 53 v6 as fd00::1",
            "a -> b icmpv6 128/0 v6 mac 02:00:00:00:00:01",
        ] {
            let matrix = parse(&format!("{text} : deny # why")).unwrap();
            assert_eq!(matrix.flows[0].to_string(), text);
            assert_eq!(matrix.flows[0].expected, Verdict::Deny);
        }
    }

    #[test]
    fn headlines_are_the_comments_after_a_gap() {
        let text =
            "# Head.\n# more\n\na -> b tcp 1 v4 : allow\n\n# Next.\na -> b tcp 2 v4 : deny\n";
        let matrix = parse(text).unwrap();
        let sections: Vec<_> = matrix
            .flows
            .iter()
            .map(|flow| flow.section.as_str())
            .collect();
        assert_eq!(sections, ["Head.", "Next."]);
        assert_eq!(matrix.flows[1].line, 7);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, reason) in [
            ("a -> b", "expected place NAME"),
            ("a -> b tcp 80 v5 : allow", "family"),
            ("a -> b tcp 99999 v4 : allow", "port"),
            ("a -> b icmp 8/0 v6 : allow", "icmpv6 128/0"),
            ("a -> b tcp 80 v4 : maybe", "verdict"),
            ("a -> b tcp 80 v4 as 10.0.0.1 : deny", "udp and icmp"),
            ("a -> b udp 80 v6 as 10.0.0.1 : deny", "family"),
            ("a -> b udp 80 v4 mac x : deny", "mac"),
            ("place x nowhere", "address"),
        ] {
            let error = parse(&format!("\n{text}")).unwrap_err();
            assert_eq!(error.line, 2);
            assert!(error.reason.contains(reason), "{text}: {}", error.reason);
        }
    }
}
