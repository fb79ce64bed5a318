//! Inputs that are nearly right, for property tests: where a reader goes wrong is seldom far from what it expects.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

/// How one place of a document is altered.
#[derive(Debug, Clone)]
enum Change {
    Remove,
    Replace(Value),
}

/// The document with one to three of its values replaced by odd ones, or gone.
pub(crate) fn document(right: Value) -> impl Strategy<Value = Value> {
    let odd = vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(""),
        json!("x"),
        json!("../\u{0}\n\u{1F980}"),
        json!("é".repeat(300)),
        json!([]),
        json!([null, [], {}]),
        json!({}),
        json!({"": {"x": 1}}),
    ];
    let change = prop_oneof![1 => Just(Change::Remove), 4 => select(odd).prop_map(Change::Replace)];
    vec((any::<Index>(), change), 1..4).prop_map(move |changes| {
        let mut document = right.clone();
        for (place, change) in changes {
            let places = places_in(&document);
            if places > 0 {
                alter(&mut document, &mut place.index(places), &change);
            }
        }
        document
    })
}

/// The text with one to three pieces cut out, put in, or written twice.
pub(crate) fn text(right: String, pieces: &'static [&'static str]) -> impl Strategy<Value = String> {
    let edit = (any::<Index>(), 0..12_usize, prop::option::of(select(pieces)), any::<bool>());
    vec(edit, 1..4).prop_map(move |edits| {
        let mut chars: Vec<char> = right.chars().collect();
        for (place, length, piece, keep) in edits {
            let from = place.index(chars.len() + 1);
            let to = (from + length).min(chars.len());
            let old: Vec<char> = chars[from..to].to_vec();
            let put = piece.map_or_else(|| old.clone(), |piece| piece.chars().collect());
            let kept = if keep { old } else { Vec::new() };
            chars.splice(from..to, kept.into_iter().chain(put));
        }
        chars.into_iter().collect()
    })
}

/// The bytes with one to three of them changed, cut out, put in, or written twice.
pub(crate) fn bytes(right: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let edit = (any::<Index>(), 0..40_usize, vec(any::<u8>(), 0..3), any::<bool>());
    vec(edit, 1..4).prop_map(move |edits| {
        let mut bytes = right.clone();
        for (place, length, put, keep) in edits {
            let from = place.index(bytes.len() + 1);
            let to = (from + length).min(bytes.len());
            let kept = if keep { [&bytes[from..to], &bytes[from..to]].concat() } else { Vec::new() };
            bytes.splice(from..to, kept.into_iter().chain(put));
        }
        bytes
    })
}

fn places_in(value: &Value) -> usize {
    match value {
        Value::Object(map) => map.values().map(|inner| 1 + places_in(inner)).sum(),
        Value::Array(list) => list.iter().map(|inner| 1 + places_in(inner)).sum(),
        _ => 0,
    }
}

/// Alters the value that is `place` values further; says whether it was reached.
fn alter(value: &mut Value, place: &mut usize, change: &Change) -> bool {
    match value {
        Value::Object(map) => {
            for key in map.keys().cloned().collect::<Vec<_>>() {
                if *place == 0 {
                    match change {
                        Change::Remove => map.remove(&key),
                        Change::Replace(other) => map.insert(key, other.clone()),
                    };
                    return true;
                }
                *place -= 1;
                if map.get_mut(&key).is_some_and(|inner| alter(inner, place, change)) {
                    return true;
                }
            }
        }
        Value::Array(list) => {
            for index in 0..list.len() {
                if *place == 0 {
                    match change {
                        Change::Remove => drop(list.remove(index)),
                        Change::Replace(other) => list[index] = other.clone(),
                    }
                    return true;
                }
                *place -= 1;
                if alter(&mut list[index], place, change) {
                    return true;
                }
            }
        }
        _ => {}
    }
    false
}
