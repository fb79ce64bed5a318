//! Taking values apart: what of an address, a connection string, a JSON document or a key is the secret.

use std::collections::BTreeMap;

use percent_encoding::percent_decode;
use serde_json::Value;

use super::forms;
use super::harmless::{is_harmless, is_nothing};
use super::place::{Place, Rule};
use super::scan::{self, Depth};

/// A part that is shorter is not worth learning.
const SHORTEST: usize = 6;

/// A member of a JSON document whose name says nothing is a secret from this length on, if it is not harmless.
const SHORTEST_MEMBER: usize = 12;

/// The secrets in the value of a variable; the value itself if it has no parts.
pub(super) fn of(value: &str, is_secret: bool) -> Vec<Vec<u8>> {
    let mut parts: Vec<Vec<u8>> = Vec::new();
    if let Some(body) = pem_body(value) {
        parts.push(body);
        return parts;
    }
    parts.extend(in_text(value));
    if let Some(document) = document(value) {
        members(&document, &mut parts);
        return parts;
    }
    if let Some(packed) = packed_text(value) {
        parts.extend(of(&packed, is_secret));
        parts.push(value.as_bytes().to_vec());
        return parts;
    }
    if !has_parts(value) || (is_secret && parts.is_empty()) {
        parts.push(without_address(value).as_bytes().to_vec());
    }
    let pairs: Vec<Vec<u8>> = parts.iter().filter_map(|part| password_of_pair(part)).collect();
    parts.extend(pairs);
    parts
}

/// Whether a value is a JSON document with members.
pub(super) fn is_document(value: &str) -> bool {
    document(value).is_some()
}

fn document(value: &str) -> Option<Value> {
    let document = serde_json::from_str::<Value>(value).ok()?;
    (document.is_object() || document.is_array()).then_some(document)
}

/// What the rules find in a text, as it is written and as it is meant.
fn in_text(text: &str) -> Vec<Vec<u8>> {
    let bytes = text.as_bytes();
    let found = scan::found_in(bytes, Depth::without_known());
    let whole = |place: &Place| place.range.len() == bytes.len() && matches!(place.rule, Rule::Entropy);
    found
        .iter()
        .filter(|place| place.range.len() >= SHORTEST && !whole(place))
        .flat_map(|place| meant(&bytes[place.range.clone()]))
        .collect()
}

fn meant(part: &[u8]) -> Vec<Vec<u8>> {
    let mut parts = vec![part.to_vec()];
    if part.contains(&b'%') {
        parts.push(percent_decode(part).collect());
    }
    if part.contains(&b'\\')
        && let Ok(text) = serde_json::from_str::<String>(&format!("\"{}\"", String::from_utf8_lossy(part)))
    {
        parts.push(text.into_bytes());
    }
    parts.extend(pem_body(&String::from_utf8_lossy(part)));
    parts
}

/// Whether a value is more than a secret: what is around the secret in it is not to be masked everywhere.
fn has_parts(value: &str) -> bool {
    value.contains("://")
        || value.starts_with(['{', '['])
        || ["password=", "Password=", "pwd=", "Pwd=", "user=", "host=", "AccountKey="]
            .iter()
            .any(|word| value.contains(word))
        || value.split_once(' ').is_some_and(|(scheme, _)| ["Bearer", "Basic", "Token"].contains(&scheme))
}

/// What is behind the name of the server.
fn without_address(value: &str) -> &str {
    let Some((_, rest)) = value.split_once("://") else { return value };
    rest.find(['/', '?']).map_or(value, |at| &rest[at..])
}

/// The text between the lines of a PEM block, without its ends and blanks.
fn pem_body(value: &str) -> Option<Vec<u8>> {
    if !value.contains("-----BEGIN") {
        return None;
    }
    let text = value.replace("\\r", "").replace("\\n", "\n");
    let begin = text.find("-----BEGIN")?;
    let rest = &text[begin + 10..];
    let body = rest.split_once("-----").map_or(rest, |(_, body)| body);
    let body = body.split("-----END").next().unwrap_or_default();
    let body: Vec<u8> = body
        .lines()
        .filter(|line| !line.contains(": "))
        .flat_map(str::bytes)
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    (body.len() >= SHORTEST).then_some(body)
}

/// The text of base64 that stands for some.
fn packed_text(value: &str) -> Option<String> {
    if value.len() < 24 {
        return None;
    }
    let text = String::from_utf8(forms::decoded(value.as_bytes())?).ok()?;
    text.chars().all(|char| !char.is_control() || char.is_whitespace()).then_some(text)
}

/// The password of `user:password` in base64.
fn password_of_pair(part: &[u8]) -> Option<Vec<u8>> {
    let pair = String::from_utf8(forms::decoded(part)?).ok()?;
    let (_, password) = pair.split_once(':')?;
    (password.len() >= SHORTEST && pair.chars().all(|char| !char.is_control()))
        .then(|| password.as_bytes().to_vec())
}

fn members(document: &Value, parts: &mut Vec<Vec<u8>>) {
    match document {
        Value::Object(object) => object.iter().for_each(|(name, value)| match value {
            Value::String(text)
                if !is_nothing(text)
                    && (super::names::is_secret(name)
                        || (text.len() >= SHORTEST_MEMBER && !is_harmless(text))) =>
            {
                parts.extend(of(text, true));
            }
            other => members(other, parts),
        }),
        Value::Array(array) => array.iter().for_each(|value| members(value, parts)),
        Value::String(text) if text.len() >= SHORTEST_MEMBER && !is_harmless(text) => {
            parts.extend(of(text, false));
        }
        _ => {}
    }
}

/// What is secret in the text of an environment file, by the name of its variable where there is one.
pub(super) fn in_environment(text: &str) -> Vec<(String, String)> {
    let bytes = text.as_bytes();
    let mut found = BTreeMap::new();
    for place in scan::found_in(bytes, Depth::without_known()) {
        let name = match &place.rule {
            Rule::Variable(_) => continue,
            _ => String::new(),
        };
        for part in meant(&bytes[place.range.clone()]) {
            if let Ok(part) = String::from_utf8(part) {
                found.insert(part, name.clone());
            }
        }
    }
    found.into_iter().map(|(part, name)| (name, part)).collect()
}

/// The credentials in Docker's `config.json`: pairs, passwords and tokens.
pub(super) fn in_docker_config(text: &str) -> Vec<Vec<u8>> {
    let Ok(document) = serde_json::from_str::<Value>(text) else { return in_text(text) };
    let auths =
        document.get("auths").and_then(Value::as_object).into_iter().flat_map(serde_json::Map::values);
    let mut parts = Vec::new();
    for auth in auths {
        for member in ["auth", "password", "identitytoken", "registrytoken"] {
            if let Some(secret) = auth.get(member).and_then(Value::as_str).filter(|secret| !secret.is_empty())
            {
                parts.push(secret.as_bytes().to_vec());
                parts.extend(password_of_pair(secret.as_bytes()));
            }
        }
    }
    parts.extend(in_text(text));
    parts
}
