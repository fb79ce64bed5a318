use rstest::rstest;

use super::*;
use crate::profile::HttpPath;

fn counter() -> RequestCounter {
    RequestCounter {
        path: HttpPath::try_from("/metrics").unwrap(),
        name: "http_seconds_count".to_owned(),
        status_label: "status_code".to_owned(),
    }
}

fn stretch(seconds: f64, instances: &[(f64, f64)]) -> Stretch {
    let instances = instances.iter().map(|(refused, failed)| Counts { refused: *refused, failed: *failed });
    Stretch { seconds, instances: instances.collect() }
}

#[test]
fn only_samples_of_the_counter_are_added_up() {
    let text = r#"
# HELP http_seconds HTTP latency.
# TYPE http_seconds histogram
http_seconds_bucket{method="GET",route="/a",status_code="401",le="0.5"} 7
http_seconds_sum{method="GET",route="/a",status_code="401"} 9.5
http_seconds_count{method="GET",route="/a",status_code="401"} 3
http_seconds_count{status_code="401",route="/b"} 1e+01 1732577000000
http_seconds_count{ route="a\"} 99,status_code=\"500", status_code="403" , } 2 # {trace_id="x"} 1
http_seconds_count{method="GET",route="/a",status_code="200"} 1000
http_seconds_count{method="GET",route="/a",status_code="503"} 4
http_seconds_count{method="GET",route="/a",status_code="4xx"} 50
http_seconds_count_of_others{status_code="401"} 70
http_seconds_count{status_code="401"} NaN
http_seconds_count{status_code="401
"#;
    assert_eq!(Counts::in_metrics(text, &counter()), Some(Counts { refused: 15.0, failed: 4.0 }));
}

#[rstest]
#[case::nothing("")]
#[case::another_counter("requests_total{status_code=\"401\"} 3\n")]
#[case::another_label("http_seconds_count{code=\"401\"} 3\n")]
#[case::a_page("<html>http_seconds_count</html>")]
fn a_counter_that_is_not_there_is_not_zero(#[case] text: &str) {
    assert_eq!(Counts::in_metrics(text, &counter()), None);
}

#[test]
fn one_that_began_anew_meanwhile_counts_from_zero() {
    let (then, now) = (Counts { refused: 100.0, failed: 2.0 }, Counts { refused: 4.0, failed: 5.0 });
    assert_eq!(now.since(then), Counts { refused: 4.0, failed: 3.0 });
}

#[rstest]
#[case::nobody(stretch(5.0, &[(0.0, 0.0)]), stretch(5.0, &[(0.0, 0.0)]))]
#[case::few(stretch(5.0, &[(0.0, 0.0)]), stretch(5.0, &[(8.0, 0.0)]))]
#[case::a_constant_background(stretch(5.0, &[(500.0, 0.0)]), stretch(5.0, &[(520.0, 0.0)]))]
#[case::a_background_that_comes_and_goes(stretch(5.0, &[(40.0, 20.0)]), stretch(5.0, &[(80.0, 40.0)]))]
#[case::balanced_otherwise(stretch(5.0, &[(60.0, 0.0), (0.0, 0.0)]), stretch(5.0, &[(1.0, 0.0), (59.0, 0.0)]))]
#[case::a_longer_stretch(stretch(5.0, &[(100.0, 0.0)]), stretch(15.0, &[(300.0, 0.0)]))]
#[case::less(stretch(5.0, &[(100.0, 50.0)]), stretch(5.0, &[(0.0, 0.0)]))]
#[case::no_time_at_all(stretch(0.0, &[(1.0, 1.0)]), stretch(0.0, &[(90.0, 90.0)]))]
fn is_no_rise(#[case] before: Stretch, #[case] now: Stretch) {
    assert_eq!(now.risen_since(&before), None);
}

#[rstest]
#[case::from_nothing(
    stretch(5.0, &[(0.0, 0.0)]), stretch(5.0, &[(9.0, 0.0)]),
    "refuses more keys than before (401, 403): 1.8 a second, and 0.0 before the containers were made anew"
)]
#[case::over_a_background(
    stretch(5.0, &[(50.0, 0.0)]), stretch(5.0, &[(300.0, 0.0)]),
    "refuses more keys than before (401, 403): 60.0 a second, and 10.0 before the containers were made anew"
)]
#[case::one_replica_of_three(
    stretch(5.0, &[(1.0, 0.0), (0.0, 0.0), (1.0, 0.0)]), stretch(5.0, &[(0.0, 0.0), (50.0, 0.0), (0.0, 0.0)]),
    "refuses more keys than before (401, 403): 10.0 a second, and 0.4 before the containers were made anew"
)]
#[case::both(
    stretch(5.0, &[(0.0, 0.0)]), stretch(4.0, &[(20.0, 40.0)]),
    "refuses more keys than before (401, 403): 5.0 a second, and 0.0 before the containers were made anew; it fails to answer \
     more requests than before (5xx): 10.0 a second, and 0.0 before the containers were made anew"
)]
fn is_a_rise(#[case] before: Stretch, #[case] now: Stretch, #[case] said: &str) {
    assert_eq!(now.risen_since(&before).as_deref(), Some(said));
}

#[test]
fn a_note_is_read_as_it_was_written_and_words_are_no_note() {
    let stretch = stretch(5.25, &[(3.0, 1.0), (0.0, 0.0)]);
    assert_eq!(Stretch::from_note(&stretch.to_note()), Some(stretch));
    assert_eq!(Stretch::from_note("not looked at: no answer"), None);
}
