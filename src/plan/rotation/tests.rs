use rstest::rstest;

use super::*;

const OLD: &str = "0000000000aa";
const NEW: &str = "0000000000bb";
const OTHER: &str = "0000000000cc";

fn value(text: &str) -> Fingerprint {
    Fingerprint::try_from(text.to_owned()).unwrap()
}

fn held(current: Option<&str>, previous: Option<&str>) -> Held {
    Held { current: current.map(value), previous: previous.map(value) }
}

fn secret() -> DualSecret {
    DualSecret {
        name: VariableName::try_from("SECRET").unwrap(),
        previous: Some(VariableName::try_from("SECRET_PREVIOUS").unwrap()),
        made: Made::Random { bytes: 32 },
        login: None,
    }
}

fn windows() -> [Window; 4] {
    [
        Window::Opened { old: value(OLD) },
        Window::Turned { old: value(OLD) },
        Window::Closed { old: value(OLD), stays: Stays::Old },
        Window::Closed { old: value(OLD), stays: Stays::New },
    ]
}

/// What the settings are after an assignment, the fresh value being the new one.
fn after(held: &Held, assignment: Assignment) -> Held {
    let of = |source| match source {
        Source::Fresh => Some(value(NEW)),
        Source::Current => held.current.clone(),
        Source::Previous => held.previous.clone(),
        Source::None => None,
    };
    Held { current: of(assignment.current), previous: of(assignment.previous) }
}

#[rstest]
#[case((Some(OLD), None), "opened old-closed")]
#[case((Some(OLD), Some(OLD)), "opened old-closed")]
#[case((Some(NEW), Some(OLD)), "opened turned old-closed new-closed")]
#[case((Some(OLD), Some(NEW)), "turned old-closed")]
#[case((Some(NEW), None), "new-closed")]
#[case((Some(NEW), Some(OTHER)), "")]
#[case((None, Some(OLD)), "")]
#[case((None, None), "")]
fn settings_are_only_changed_from_a_state_that_a_rotation_leaves(
    #[case] (current, previous): (Option<&str>, Option<&str>),
    #[case] expected: &str,
) {
    let before = held(current, previous);
    let mut possible = Vec::new();
    for (window, name) in windows().iter().zip(["opened", "turned", "old-closed", "new-closed"]) {
        let Ok(assignment) = window.assignment(&secret(), &before) else { continue };
        possible.push(name);
        let reached = assignment.map_or(before.clone(), |assignment| after(&before, assignment));
        assert_eq!(window.missing(&secret(), &reached), None, "{name} from {before:?}");
        assert_eq!(window.assignment(&secret(), &reached), Ok(None), "{name} is done once");
    }
    assert_eq!(possible.join(" "), expected);
}

/// A new value that is already in the settings is never replaced by another one: containers may run with it.
#[test]
fn opening_twice_makes_one_value() {
    let open = Window::Opened { old: value(OLD) };
    assert_eq!(open.assignment(&secret(), &held(Some(NEW), Some(OLD))), Ok(None));
}

#[test]
fn what_is_missing_is_said_without_a_value() {
    let states = [
        held(Some(OLD), None),
        held(Some(NEW), Some(OLD)),
        held(Some(OLD), Some(NEW)),
        held(Some(NEW), None),
    ];
    let said: Vec<String> = windows()
        .iter()
        .flat_map(|window| states.iter().map(|state| window.missing(&secret(), state).unwrap_or_default()))
        .collect();
    insta::assert_snapshot!(said.join("\n"), @r"
    SECRET is not the new value

    SECRET is not the new value
    SECRET_PREVIOUS is not the old value
    SECRET_PREVIOUS is not the new value
    SECRET is not the old value

    SECRET is not the old value

    SECRET is not the old value
    SECRET_PREVIOUS is still set
    SECRET is not the old value
    SECRET is not the new value
    SECRET_PREVIOUS is still set
    SECRET is not the new value

    ");
}

#[rstest]
#[case(&[("a", false), ("b", true)], None)]
#[case(&[("a", true)], Some("a is still the one in use"))]
#[case(&[("b", true)], Some("a is no longer on record"))]
#[case(&[("a", false)], Some("no value on record is in use"))]
#[case(&[("a", true), ("b", true)], Some("a is still the one in use"))]
fn what_was_on_record_stays_and_another_is_in_use(
    #[case] now: &[(&str, bool)],
    #[case] missing: Option<&str>,
) {
    let on_record = |list: &[(&str, bool)]| -> Vec<OnRecord> {
        list.iter().map(|(id, in_use)| OnRecord { id: (*id).to_owned(), in_use: *in_use }).collect()
    };
    assert_eq!(missing_on_record(&on_record(&[("a", true)]), &on_record(now)).as_deref(), missing);
}
