use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;

use super::{DIALOGUE, Words};
use crate::{Dialect, EndpointUrl, GrantType, Metadata, Provider};

fn url(url: &str) -> EndpointUrl {
    url.parse().unwrap()
}

fn provider() -> Provider {
    provider_with(&[("audience", "https://api.example.com")])
}

fn provider_with(parameters: &[(&str, &str)]) -> Provider {
    let dialect = parameters
        .iter()
        .fold(Dialect::form(), |dialect, (name, value)| dialect.with_parameter(*name, *value));
    let provider = Provider::new("example", url("https://as.example.com/token"), dialect);
    parameters
        .iter()
        .fold(provider, |provider, (name, value)| provider.with_authorization_parameter(*name, *value))
}

// Security: I14.
#[test]
fn every_word_of_a_login_is_part_of_what_a_persons_session_is_for() {
    let words = Words::of(&provider());
    let at = |path: &str| url("https://as.example.com").join_path(path);
    let refresh = provider().with_grant_endpoint(GrantType::RefreshToken, at("/refresh"), Dialect::form());
    let others = [
        ("user name", words.clone().with_username("ada")),
        ("issuer", Words::of(&provider().with_issuer_identifier("https://as.example.com/a").unwrap())),
        (
            "endpoint token",
            Words::of(
                &Provider::new(
                    "example",
                    at("/other"),
                    Dialect::form().with_parameter("audience", "https://api.example.com"),
                )
                .with_authorization_parameter("audience", "https://api.example.com"),
            ),
        ),
        ("endpoint refresh_token", Words::of(&refresh.clone())),
        ("parameter audience", Words::of(&provider_with(&[("audience", "https://other.example.com")]))),
        ("parameter audience", Words::of(&provider_with(&[]))),
        ("parameter organization", words.clone().with_parameter("organization", "org_1")),
        ("parameter tenant", Words::of(&provider().with_authorization_parameter("tenant", "1"))),
    ];
    let mut seen = vec![words.purpose().person];
    for (name, other) in &others {
        assert!(words.differing(other).contains(&(*name).to_owned()), "{name}: {:?}", words.differing(other));
        assert!(!seen.contains(&other.purpose().person), "{name}");
        seen.push(other.purpose().person);
    }
}

#[test]
fn what_only_steers_the_dialogue_is_no_word_of_a_person_but_one_of_a_client() {
    let words = Words::of(&provider());
    for name in DIALOGUE {
        let steered =
            Words::of(&provider().with_authorization_parameter(name, "x")).with_parameter(name, "x");
        assert_eq!(words.purpose().person, steered.purpose().person, "{name}");
        assert_eq!(words.purpose().client, steered.purpose().client, "{name}");
        assert_ne!(words.purpose().parameters, steered.purpose().parameters, "{name}");
    }
}

#[test]
fn a_resource_is_what_a_token_is_for_and_not_what_a_login_is_for() {
    let one = Words::of(&provider().with_resource("https://rooms.example.com").unwrap());
    let two = Words::of(&provider().with_resource("https://desks.example.com").unwrap());
    assert_eq!(one.purpose().person, two.purpose().person);
    assert_ne!(one.purpose().resources, two.purpose().resources);
    assert_ne!(one.purpose().parameters, two.purpose().parameters);
}

#[test]
fn a_resource_that_no_refresh_repeats_belongs_to_the_login() {
    let at = |resource: &str| Words::of(&provider().with_authorization_parameter("resource", resource));
    let (one, two) = (at("https://rooms.example.com"), at("https://desks.example.com"));
    assert_ne!(one.purpose().person, two.purpose().person);
}

#[test]
fn a_server_may_move_the_endpoints_that_its_own_metadata_names() {
    let described = |token: &str| {
        let document = format!(r#"{{"issuer":"https://as.example.com","token_endpoint":"{token}"}}"#);
        Metadata::from_json("https://as.example.com", document.as_bytes()).unwrap().provider("example")
    };
    let (one, two) = (described("https://as.example.com/1"), described("https://as.example.com/2"));
    assert_eq!(Words::of(&one), Words::of(&two));
    // The endpoint that was found, in a dialect of its own, is the one that was found.
    let token = one.token_endpoint(GrantType::RefreshToken).unwrap().url.clone();
    let spoken = one.clone().with_grant_endpoint(GrantType::RefreshToken, token, Dialect::json());
    assert_eq!(Words::of(&one), Words::of(&spoken));
    let by_hand = one.clone().with_grant_endpoint(
        GrantType::RefreshToken,
        url("https://as.example.com/r"),
        Dialect::form(),
    );
    assert_eq!(Words::of(&one).differing(&Words::of(&by_hand)), ["endpoint refresh_token"]);
}

#[test]
fn an_authorization_endpoint_that_gives_the_tokens_is_a_word() {
    let at = |path: &str| {
        Words::of(
            &Provider::empty("example")
                .with_authorization_endpoint(url("https://as.example.com").join_path(path)),
        )
    };
    assert_ne!(at("/a").purpose().person, at("/b").purpose().person);
}

#[test]
fn debug_names_the_words_and_shows_no_value() {
    let words = Words::of(&provider()).with_username("canary").with_parameter("key", "canary");
    let shown = format!("{words:?}");
    assert!(shown.contains("user name") && shown.contains("parameter key"), "{shown}");
    assert!(!shown.contains("canary"), "{shown}");
}

/// Texts that would run into one another if their lengths were not said.
fn text() -> impl Strategy<Value = String> {
    vec(prop_oneof![Just('a'), Just('b'), Just('\0'), Just('\u{1}'), Just('ü')], 0..4)
        .prop_map(|characters| characters.into_iter().collect())
}

fn words() -> impl Strategy<Value = Words> {
    let parameters = || btree_set((text(), text()), 0..3);
    (
        proptest::option::of(text()),
        btree_map(text(), text(), 0..3),
        proptest::option::of(text()),
        (parameters(), parameters(), parameters()),
    )
        .prop_map(|(issuer, endpoints, username, (authorization, token, client))| Words {
            issuer,
            endpoints,
            username,
            authorization,
            token,
            client,
        })
}

proptest! {
    // Security: I14.
    #[test]
    fn two_sets_of_words_are_never_taken_for_one_another(one in words(), two in words()) {
        let (first, second) = (one.purpose(), two.purpose());
        let of_person = |words: &Words| {
            let Words { issuer, endpoints, username, authorization, token, .. } = words.clone();
            (issuer, endpoints, username, authorization, token)
        };
        prop_assert_eq!(first.person == second.person, of_person(&one) == of_person(&two));
        prop_assert_eq!(
            first.client == second.client,
            (&one.issuer, &one.endpoints) == (&two.issuer, &two.endpoints)
        );
        prop_assert_eq!(first.parameters == second.parameters, one.client == two.client);
        prop_assert_eq!(one.differing(&two).is_empty(), one == two);
    }
}
