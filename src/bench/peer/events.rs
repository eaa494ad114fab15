//! What operators say when one state becomes another.

use std::collections::BTreeMap;

use super::PeerError;
use crate::bench::world::{Altered, Change, Way, World};
use crate::model::{Event, Object, State};

/// What each change says, there and back.
pub(super) type Told = BTreeMap<Altered, [Vec<Event>; 2]>;

/// What each change of a world says.
pub(super) fn all(world: &World) -> Told {
    let of = |what| {
        let after = world.changed(what);
        let ways = [(&world.state, &after), (&after, &world.state)];
        (what, ways.map(|(old, new)| events(old, new)))
    };
    Altered::ALL.map(of).into()
}

/// What a change says, as whoever says it hands it over.
///
/// # Errors
/// Nobody prepared for it.
pub(super) fn told(all: &Told, change: &Change) -> Result<Vec<Event>, PeerError> {
    let unknown = PeerError::Unable("it does not know this change");
    let [there, back] = all.get(&change.what).ok_or(unknown)?;
    Ok(match change.way {
        Way::There => there.clone(),
        Way::Back => back.clone(),
    })
}

/// What makes one state of another, as far as groups and endpoints go.
fn events(before: &State, after: &State) -> Vec<Event> {
    let groups = before.groups.keys().chain(after.groups.keys());
    let groups = groups.filter(|name| before.groups.get(name) != after.groups.get(name));
    let endpoints = before.endpoints.keys().chain(after.endpoints.keys());
    let endpoints =
        endpoints.filter(|name| before.endpoints.get(name) != after.endpoints.get(name));
    let mut objects: Vec<Object> = groups
        .map(|name| Object::Group(name.clone()))
        .chain(endpoints.map(|name| Object::Endpoint(name.clone())))
        .collect();
    objects.sort();
    objects.dedup();
    let gone = |object: &Object| before.said(object).map(Event::undone);
    let of = |object: &Object| after.said(object).or_else(|| gone(object));
    objects.iter().filter_map(of).collect()
}
