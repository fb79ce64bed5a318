//! Answers of the engine that are nearly right: facts, or the name of what is missing.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::tests::answer;
use super::*;
use crate::nearly_right;

fn whole_answer() -> Value {
    let mut whole = answer();
    whole["State"]["Health"] =
        json!({ "Status": "unhealthy", "Log": [{ "ExitCode": 1, "Output": "é".repeat(700) }] });
    whole["Config"]["StopTimeout"] = json!(10);
    whole["HostConfig"]["RestartPolicy"] = json!({ "Name": "always" });
    whole
}

fn facts(value: Value) -> Option<Result<Container, &'static str>> {
    serde_json::from_value(value).ok().map(Container::from_engine)
}

proptest! {
    #[test]
    fn facts_or_the_name_of_what_is_missing(value in nearly_right::document(whole_answer())) {
        let is_id = |text: &Value, prefix: &str| {
            let hex = text.as_str().and_then(|text| text.strip_prefix(prefix));
            hex.is_some_and(|hex| hex.len() == 64)
        };
        let (has_id, has_image) = (is_id(&value["Id"], ""), is_id(&value["Image"], "sha256:"));
        match facts(value) {
            None => {}
            Some(Ok(container)) => {
                prop_assert!(has_id && has_image);
                prop_assert!(container.ports.iter().all(|port| port.host.port() == 13001));
                if let Health::Unhealthy(probes) = container.health {
                    prop_assert!(probes.iter().all(|probe| probe.output.len() <= LONGEST_PROBE_OUTPUT));
                }
            }
            Some(Err(missing)) => prop_assert!(match missing {
                "id" => !has_id,
                "image id" => has_id && !has_image,
                other => other == "state",
            }, "{}", missing),
        }
    }

    #[test]
    fn what_is_needed_is_named(
        (place, name) in select(vec![("/Id", "id"), ("/Image", "image id"), ("/State/Status", "state"), ("/State", "state")]),
        odd in select(vec![Value::Null, json!("")]),
    ) {
        let mut value = whole_answer();
        *value.pointer_mut(place).unwrap() = odd;
        prop_assert!(facts(value).is_none_or(|facts| facts.err() == Some(name)));
    }
}
