//! `kind: SecurityGroup`.

use super::document::{Declared, Reader};
use super::fields::Path;
use super::node::{Node, Place};
use super::references::{Reference, Target};
use super::rule;
use crate::model::{Direction, GroupName, GroupRule, GroupRules, Peer, SecurityGroup};

pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<(Place, Declared)> {
    let errors = reader.findings.errors();
    let top = Path::Document;
    let fields = reader
        .findings
        .fields(node, &top, &["apiVersion", "kind", "name", "rules"])?;
    let name = reader.findings.required(&fields, &top, "name");
    let place = name.map_or(node.place, |name| name.place);
    let name: Option<GroupName> =
        name.and_then(|node| reader.findings.value(node, &Path::Field(&top, "name")));
    let (ingress, egress) = rules(reader, fields.get("rules"));
    let name = name?;
    let group = (reader.findings.errors() == errors).then(|| SecurityGroup {
        name: name.clone(),
        ingress,
        egress,
    });
    Some((place, Declared::Group(name, group)))
}

fn rules(reader: &mut Reader<'_>, node: Option<&Node>) -> (GroupRules, GroupRules) {
    let path = Path::Field(&Path::Document, "rules");
    let fields = node.and_then(|node| reader.findings.fields(node, &path, &["ingress", "egress"]));
    let Some(fields) = fields else {
        return (GroupRules::NONE, GroupRules::NONE);
    };
    let mut listed = |name, direction| {
        let path = Path::Field(&path, name);
        let items = reader.findings.list(fields.get(name), &path);
        items
            .iter()
            .enumerate()
            .filter_map(|(index, item)| one(reader, item, &Path::Item(&path, index), direction))
            .collect()
    };
    (
        listed("ingress", Direction::Ingress),
        listed("egress", Direction::Egress),
    )
}

fn one(
    reader: &mut Reader<'_>,
    node: &Node,
    path: &Path<'_>,
    direction: Direction,
) -> Option<GroupRule> {
    let (text, verbatim) = reader.findings.text(node, path)?;
    let origin = reader.origin(node.place);
    match rule::parse(text, direction, origin) {
        Ok(rule) => {
            if let Peer::Group(group) = &rule.peer {
                reader.references.push(Reference::new(
                    Target::Group(group.clone()),
                    node.place,
                    path,
                ));
            }
            Some(rule)
        }
        Err(error) => {
            let place = verbatim.map_or(node.place, |start| start.advanced(&text[..error.offset]));
            reader.findings.invalid(place, path, &error.invalid);
            None
        }
    }
}
