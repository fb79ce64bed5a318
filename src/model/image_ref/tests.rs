use rstest::rstest;

use super::*;

const HEX: &str = "4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1";

fn parsed(text: &str) -> ImageRef {
    text.parse().expect("a sound reference")
}

#[rstest]
#[case("postgres", "docker.io", "library/postgres", None)]
#[case("postgres:17", "docker.io", "library/postgres", Some("17"))]
#[case("docker.io/postgres:17", "docker.io", "library/postgres", Some("17"))]
#[case("index.docker.io/library/postgres:17", "docker.io", "library/postgres", Some("17"))]
#[case("team/product:1.2.3", "docker.io", "team/product", Some("1.2.3"))]
#[case("localhost/product", "localhost", "product", None)]
#[case("127.0.0.1:5000/product:v1", "127.0.0.1:5000", "product", Some("v1"))]
#[case("127.0.0.1:5000/product", "127.0.0.1:5000", "product", None)]
#[case("[::1]:5000/a/b:v1", "[::1]:5000", "a/b", Some("v1"))]
#[case("example.com/a__b/c-d.e:T_1", "example.com", "a__b/c-d.e", Some("T_1"))]
fn parts_are_found(
    #[case] text: &str,
    #[case] registry: &str,
    #[case] repository: &str,
    #[case] tag: Option<&str>,
) {
    let reference = parsed(text);
    assert_eq!(reference.registry(), registry);
    assert_eq!(reference.repository(), repository);
    assert_eq!(reference.tag().map(Tag::as_str), tag);
    assert_eq!(reference.digest(), None);
}

#[test]
fn short_and_long_forms_are_one_value_shown_short() {
    assert_eq!(parsed("docker.io/library/postgres:17"), parsed("postgres:17"));
    assert_eq!(parsed("docker.io/library/postgres:17").to_string(), "postgres:17");
    assert_eq!(parsed("docker.io/team/product").to_string(), "team/product");
}

#[rstest]
#[case("library/a/b")]
#[case("docker.io/a.b/c")]
#[case("docker.io/docker.io/x")]
#[case("library/4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1")]
#[case("library/sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1")]
fn the_short_form_is_not_used_where_it_would_name_something_else(#[case] text: &str) {
    assert_eq!(parsed(&parsed(text).to_string()), parsed(text));
}

#[test]
fn a_tag_and_a_digest_can_stand_together() {
    let text = format!("127.0.0.1:5000/team/product:1.2.3@sha256:{HEX}");
    let reference = parsed(&text);
    assert_eq!(reference.to_string(), text);
    assert_eq!(
        reference.repo_digest().expect("a digest"),
        format!("127.0.0.1:5000/team/product@sha256:{HEX}")
    );
    assert_eq!(reference.digest().expect("a digest").short(), "4bcff63911fc");
}

#[test]
fn a_new_tag_drops_the_digest_that_would_win_over_it() {
    let pinned = parsed(&format!("team/product:1.0.0@sha256:{HEX}"));
    assert_eq!(pinned.with_tag("1.1.0".parse().expect("a tag")).to_string(), "team/product:1.1.0");
    let digest = format!("sha256:{HEX}").parse().expect("a digest");
    let repinned = parsed("team/product:1.1.0").with_digest(digest);
    assert_eq!(repinned.to_string(), format!("team/product:1.1.0@sha256:{HEX}"));
    assert!(repinned.same_repository(&pinned));
}

#[rstest]
#[case("", "empty")]
#[case("Product:1", "lower-case")]
#[case("team//product", "not a repository name")]
#[case("team/product-", "not a repository name")]
#[case("team/a..b", "not a repository name")]
#[case("team/a._b", "not a repository name")]
#[case("../etc:1", "not a registry")]
#[case("team/product:", "not an image tag")]
#[case("team/product:-1", "not an image tag")]
#[case("team/product:1?x=2", "not an image tag")]
#[case("team/product@sha256:12", "not a digest")]
#[case("team/product@md5:12", "not a digest")]
#[case("host:99999/product", "not a registry")]
#[case("exa_mple.com/product", "not a registry")]
fn errors_say_what_is_expected(#[case] text: &str, #[case] expected: &str) {
    let error = text.parse::<ImageRef>().expect_err("an unsound reference").to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn ids_are_not_references() {
    for text in [HEX.to_owned(), format!("sha256:{HEX}")] {
        let error = text.parse::<ImageRef>().expect_err("an id");
        assert!(matches!(error, ImageRefError::BareId(_)), "{error}");
    }
}

#[test]
fn upper_case_digests_are_refused_since_they_would_not_compare() {
    assert!(format!("sha256:{}", HEX.to_uppercase()).parse::<Digest>().is_err());
}

#[test]
fn the_stored_form_is_plain_text_and_checked_on_reading() {
    let reference = parsed("team/product:1.2.3");
    let stored = serde_json::to_string(&reference).expect("text");
    assert_eq!(stored, r#""team/product:1.2.3""#);
    assert_eq!(serde_json::from_str::<ImageRef>(&stored).expect("the same"), reference);
    assert!(serde_json::from_str::<ImageRef>(r#""Bad Name""#).is_err());
}
