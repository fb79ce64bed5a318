//! JSON of any version: what can be read is, and what cannot is named.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// What was read, and what was passed over.
pub(super) struct Read<T> {
    pub(super) value: T,
    pub(super) passed_over: Vec<String>,
}

/// An object. Of fields that have another shape than is known here, only the field is lost.
pub(super) fn object<T: DeserializeOwned + Default>(text: &str) -> Result<Read<T>, String> {
    let value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    Ok(of_value(value))
}

/// A list, or an object that has it under one of `names`. Of elements that cannot be read at all, only those are lost.
pub(super) fn list<T: DeserializeOwned + Default>(
    text: &str,
    names: &[&str],
) -> Result<Read<Vec<T>>, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let within = |object: &mut Map<String, Value>| names.iter().find_map(|name| object.remove(*name));
    let elements = match value {
        Value::Array(elements) => elements,
        Value::Object(mut object) => match within(&mut object) {
            Some(Value::Array(elements)) => elements,
            _ => return Err("a list was expected".into()),
        },
        _ => return Err("a list was expected".into()),
    };
    Ok(elements_of(elements.into_iter().map(Ok)))
}

/// One JSON object a line.
pub(super) fn lines<'a, T: DeserializeOwned + Default>(lines: impl Iterator<Item = &'a str>) -> Read<Vec<T>> {
    let values = lines.enumerate().filter(|(_, line)| !line.trim().is_empty()).map(|(index, line)| {
        serde_json::from_str(line).map_err(|_| format!("line {} is no JSON", index + 1))
    });
    elements_of(values)
}

fn elements_of<T: DeserializeOwned + Default>(
    values: impl Iterator<Item = Result<Value, String>>,
) -> Read<Vec<T>> {
    let mut read = Read { value: Vec::new(), passed_over: Vec::new() };
    for value in values {
        match value {
            Ok(value) => {
                let element = of_value(value);
                read.value.push(element.value);
                read.passed_over.extend(element.passed_over);
            }
            Err(why) => read.passed_over.push(why),
        }
    }
    read.passed_over.dedup();
    read
}

fn of_value<T: DeserializeOwned + Default>(value: Value) -> Read<T> {
    if let Ok(whole) = serde_json::from_value(value.clone()) {
        return Read { value: whole, passed_over: Vec::new() };
    }
    let Value::Object(object) = value else {
        return Read { value: T::default(), passed_over: vec!["an object was expected".into()] };
    };
    let is_known = |name: &String, value: &Value| {
        let alone = Map::from_iter([(name.clone(), value.clone())]);
        serde_json::from_value::<T>(Value::Object(alone)).is_ok()
    };
    let (known, others): (Map<_, _>, Map<_, _>) =
        object.into_iter().partition(|(name, value)| is_known(name, value));
    let passed_over = others.into_iter().map(|(name, _)| format!("`{name}` has another shape")).collect();
    Read { value: serde_json::from_value(Value::Object(known)).unwrap_or_default(), passed_over }
}
