//! Cases as steps: the resources of each, and questions with their answers.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use margay::net::{Family, Protocol};
use margay::scenario::Transport;
use serde_json::{Value, json};

/// One state of a case.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) name: String,
    /// By key.
    pub(super) resources: BTreeMap<String, Value>,
    pub(super) asks: Vec<Ask>,
}

/// A packet, and whether it must arrive.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) from: IpAddr,
    pub(super) to: IpAddr,
    pub(super) transport: Transport,
    pub(super) delivers: bool,
}

/// The steps of all cases of a file, in order, in a family.
pub(super) fn steps(text: &str, family: Family) -> Vec<Step> {
    let mut cases: Value = serde_json::from_str(text).unwrap();
    if family == Family::V6 {
        translate(&mut cases);
    }
    let cases = cases.as_array().unwrap().iter();
    let steps = cases.flat_map(|case| {
        let steps = case["steps"].as_array().unwrap().iter().enumerate();
        steps.map(|(place, step)| of_step(&format!("{} step {place}", case["id"]), step, family))
    });
    steps.collect()
}

fn of_step(name: &str, step: &Value, family: Family) -> Step {
    let resources = step["resources"].as_object().unwrap();
    let asks = match step["expected"].as_array() {
        Some(tables) => tables
            .iter()
            .flat_map(|table| of_table(step, table))
            .collect(),
        None => {
            let probes = step["probes"].as_array().unwrap().iter();
            probes.map(|probe| of_probe(step, probe, family)).collect()
        }
    };
    Step {
        name: name.to_owned(),
        resources: resources
            .iter()
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect(),
        asks,
    }
}

/// Every cell of a table that says something.
fn of_table(step: &Value, table: &Value) -> Vec<Ask> {
    let pods: Vec<IpAddr> = step["pods"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pod| address_of(step, pod.as_str().unwrap()))
        .collect();
    let transport = ports(table["protocol"].as_str().unwrap(), &table["port"]);
    let mut asks = Vec::new();
    for (from, row) in pods.iter().zip(table["rows"].as_array().unwrap()) {
        for (to, cell) in pods.iter().zip(row.as_str().unwrap().chars()) {
            if ".X".contains(cell) {
                asks.push(Ask {
                    from: *from,
                    to: *to,
                    transport,
                    delivers: cell == '.',
                });
            }
        }
    }
    asks
}

/// The address of a pod, by `namespace/name`.
fn address_of(step: &Value, pod: &str) -> IpAddr {
    let (namespace, name) = pod.split_once('/').unwrap();
    let mut resources = step["resources"].as_object().unwrap().values();
    let endpoint = resources.find(|resource| {
        resource["kind"] == "WorkloadEndpoint"
            && resource["metadata"]["namespace"] == namespace
            && resource["spec"]["pod"] == name
    });
    let net = endpoint.unwrap()["spec"]["ipNetworks"][0].as_str().unwrap();
    net.split('/').next().unwrap().parse().unwrap()
}

fn of_probe(step: &Value, probe: &Value, family: Family) -> Ask {
    let address = |who: &Value| {
        let text = step["ips"][who.as_str().unwrap()].as_str().unwrap();
        text.parse().unwrap()
    };
    let transport = match probe["icmp"].as_array() {
        Some(message) => Transport::Icmp {
            kind: match (family, message[0].as_u64().unwrap()) {
                (Family::V6, 8) => 128,
                (_, kind) => u8::try_from(kind).unwrap(),
            },
            code: u8::try_from(message[1].as_u64().unwrap()).unwrap(),
        },
        None => ports(probe["protocol"].as_str().unwrap(), &probe["dport"]),
    };
    Ask {
        from: address(&probe["from"]),
        to: address(&probe["to"]),
        transport,
        delivers: probe["expect"] == "allow",
    }
}

fn ports(protocol: &str, port: &Value) -> Transport {
    Transport::Ports {
        protocol: match protocol {
            "TCP" => Protocol::TCP,
            "UDP" => Protocol::UDP,
            "SCTP" => Protocol::SCTP,
            other => panic!("{other}"),
        },
        source: 0,
        destination: u16::try_from(port.as_u64().unwrap()).unwrap(),
    }
}

/// Says the same of IPv6: each address below `fd00::/96`, ICMP as ICMPv6, an echo request as one.
fn translate(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(translate),
        Value::Object(fields) => {
            let protocol = fields.get("protocol");
            let is_icmp = protocol.is_some_and(|p| *p == "ICMP" || *p == 1);
            let kind = fields.get_mut("icmp").and_then(|icmp| icmp.get_mut("type"));
            if let Some(kind) = kind.filter(|kind| is_icmp && **kind == 8) {
                *kind = json!(128);
            }
            for (key, field) in fields.iter_mut() {
                match (key.as_str(), &*field) {
                    ("ipVersion", Value::Number(number)) => {
                        *field = json!(if number.as_u64() == Some(4) { 6 } else { 4 });
                    }
                    ("protocol", _) if is_icmp => *field = json!("ICMPv6"),
                    _ => translate(field),
                }
            }
        }
        Value::String(text) => {
            if let Some(other) = mapped(text) {
                *text = other;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// An IPv4 address or prefix as one of IPv6.
fn mapped(text: &str) -> Option<String> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length.parse::<u8>().ok()?)),
        None => (text, None),
    };
    let [a, b, c, d] = address.parse::<Ipv4Addr>().ok()?.octets();
    let tail = [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])];
    let other = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, tail[0], tail[1]);
    Some(match length {
        None => other.to_string(),
        Some(0) => "::/0".to_owned(),
        Some(length) => format!("{other}/{}", 96 + length),
    })
}
