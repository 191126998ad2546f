//! What is found, and what is not. The secrets are made up, and put together here so that nobody who
//! searches the sources takes them for real.

use proptest::prelude::*;

use super::Finder;

const TOKEN: &str = concat!(
    "eyJhbGciOiJIUzI1NiJ9",
    ".eyJzdWIiOiI0MiJ9",
    ".c2lnbmF0dXJl-_c2ln"
);

/// Between `«` and `»` there is a secret.
#[track_caller]
fn check(marked: &str) {
    let text = marked.replace(['«', '»'], "");
    let finder = Finder::new().unwrap();
    let mut found = String::new();
    let mut from = 0;
    for place in finder.search(text.as_bytes()) {
        found += &text[from..place.start];
        found += &format!("«{}»", &text[place.clone()]);
        from = place.end;
    }
    found += &text[from..];
    assert_eq!(found, marked);
    assert_eq!(
        finder.is_in(text.as_bytes()),
        marked.contains('«'),
        "{marked}"
    );
}

#[test]
fn web_tokens_are_found_whole_and_cut() {
    check(&format!("«{TOKEN}»"));
    check(&format!("token «{TOKEN}». And «{TOKEN}»\n"));
    check(&format!("\"\\n«{TOKEN}»\""));
    check(concat!("«eyJhbGciOiJSU0EifQ", ".a..c.d» "));
    check(concat!("«eyJhbGciOiJSU0EifQ", ".eyJz» …[cut]"));
    check("eyJhbGciOiJIUzI1NiJ9 eyJ. eyJhbG.x");
}

#[test]
fn credentials_are_found_behind_their_scheme() {
    check("authorization: Bearer «abc123def» x");
    check("BEARER   «AbCdEfGh»");
    check("bearer «0123456789», too");
    check("Basic «dXNlcjpwYXNz»");
    check("basic «YWxhZGRpbjpvcGVuc2VzYW1l==»");
    check("the bearer of bad news; Bearer authentication; Bearer Token; basic information");
    check("Basic HTTP/1.1; music 12345678; earer 12345678");
    check("bearer ");
}

#[test]
fn passwords_in_urls_are_found_and_nothing_else_of_them() {
    check("postgres://user:«hunter2»@db/x");
    check("url=\"https://abc123:«def»@sentry.io/1\" and redis://:«p%40ss»@[::1]:6379");
    check("amqp://h:5672,amqp://u:«p»@h2:5672/vhost?x=a:b@c");
    check("mongodb://ann:«a:b@c»@one:27017,two:27017/?w=1");
    check("smtp://ann@example.org:«pä'ss,w»@mail");
    let key = concat!("ghp_", "0123456789abcdefghijABCDEFGHIJ012345");
    check(&format!("https://«{key}»@github.com"));
    // What comes before a secret is not looked at again.
    check(&format!("https://«{key}:x»@github.com"));
    check(&format!("https://a:«{TOKEN}»@h, https://a:«b»@h"));
    for none in [
        "http://host:80/@x",
        "http://host:80 @x",
        "http://host:80?a@b http://host:80#a@b",
        "\"http://host:80\",\"a@b\"",
        "http://host:80\\nmail a@b",
        "https://ann@example.org:8080/",
        "https://ann:@example.org",
        "ssh://git@github.com:22/a:b@c",
        "a://b://c:// :// ://@ ://:@",
        "user:password@host, C:\\a:b@c, mailto:a@b",
    ] {
        check(none);
    }
}

#[test]
fn keys_are_found_by_how_they_begin() {
    check(concat!("id=«AKIA", "IOSFODNN7EXAMPLE»;"));
    check(concat!("«ghp_", "0123456789abcdefghijABCDEFGHIJ012345»"));
    check(concat!("«github_pat_", "11ABCDEFG0abcdefghij_xyz»"));
    check(concat!("«glpat-", "abcdefghij0123456789»"));
    check(concat!("«xoxb-", "123456789012-abcdef»"));
    check(concat!("«sk_live_", "4eC39HqLyjWDarjtT1zdp7dc»"));
    check(concat!("«AIza", "SyA-1234567890abcdefghijklmnopqrstu»"));
    check(concat!("«sk-ant-", "api03-abcdefghijklmnop»"));
    check("AKIA ghp_short xoxb-no sk_live_ AIza npm_config glpat-x sk-ant-x");
}

#[test]
fn private_keys_are_found_whole_cut_and_escaped() {
    let begin = concat!("-----BEGIN RSA PRIVATE", " KEY-----");
    let end = concat!("-----END RSA PRIVATE", " KEY-----");
    for line in ["\n", "\\n", "\\\\n", "\r\n", " "] {
        check(&format!(
            "key: «{begin}{line}MIIEow+/A=={line}abc{line}{end}»; x"
        ));
        check(&format!("key: \"«{begin}{line}MIIEow{line}ab»\" x"));
        check(&format!("key: '«MIIEow+/{line}abc{line}{end}»' and on"));
    }
    check(&format!("«{begin}\nA\n{end}»\"«{begin}\nB\n{end}»"));
    check("-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----\n");
    check("----- section ----- -----BEGIN -----END -----");
}

#[test]
fn card_numbers_are_found_in_groups_and_without() {
    check("«4111111111111111»");
    check("card «4111 1111 1111 1111», exp 12/27");
    check("card «4111-1111-1111-1111»-x");
    check("amex «3782 822463 10005» ok");
    check("order 12345 «4111111111111111»");
    check("a«5555555555554444»b");
    check("«4222222222222» «6011111111111117» «3530111333300000» «30569309025904»");
    check("{\"card\":«4111111111111111»,\"x\":\"\\u0001«4111111111111111»\"}");
}

#[test]
fn numbers_that_are_no_cards_are_left_alone() {
    check("4111111111111112 1795309323123456789 1795309323123 411111111111111");
    check("2026-11-22T01:02:03.123456Z 2026-11-22 01:02:03 192.168.100.200");
    check("0198f3c2-7d1e-7a54-b8f1-1c2d3e4f5a6b 4bf92f3577b34da6a3ce929d0e0e4736");
    check("a41111111111111110b1c2d3e4f50617 4111  1111 1111 1111");
    check("41111111111111111111111111111111");
}

#[test]
fn nothing_is_found_in_what_is_too_short() {
    for text in ["", "-", "eyJ", "-----", "4", "earer ", "asic "] {
        check(text);
    }
}

#[test]
fn what_has_no_sign_of_a_secret_is_clear_to_its_end() {
    let finder = Finder::new().unwrap();
    let text = "POST /orders/0198f3c2-7d1e-7a54-b8f1-1c2d3e4f5a6b 2026-11-22 01:02:03 took 12 ms; ";
    let harmless = text.repeat(20);
    assert_eq!(finder.clear_bytes(harmless.as_bytes()), harmless.len());
    for secret in ["4111 1111 1111 1111", "Bearer abc123def"] {
        let text = format!("{harmless}{secret} {harmless}");
        let clear = finder.clear_bytes(text.as_bytes());
        assert!(clear <= harmless.len() + 3, "{secret}");
        assert!(harmless.len() - 1 <= clear, "{secret}");
    }
}

fn token() -> impl Strategy<Value = String> {
    (
        "eyJ[A-Za-z0-9_-]{9,60}",
        "[A-Za-z0-9_-]{1,80}",
        "[A-Za-z0-9_-]{1,60}",
    )
        .prop_map(|(header, payload, signature)| format!("{header}.{payload}.{signature}"))
}

fn card() -> impl Strategy<Value = String> {
    let separators = prop::collection::vec(prop::sample::select(vec!["", " ", "-"]), 16);
    (
        "4[0-9]{14}|5[1-5][0-9]{13}|3[47][0-9]{12}|6011[0-9]{11}",
        separators,
    )
        .prop_map(|(body, separators)| {
            let check_digit = (0..10)
                .map(|digit| format!("{body}{digit}"))
                .find(|number| super::card::tests::is_valid(number));
            let digits = check_digit.unwrap();
            let pairs = digits
                .chars()
                .zip(separators.iter().chain(["", "", ""].iter()));
            let grouped = pairs.map(|(digit, separator)| format!("{digit}{separator}"));
            grouped
                .collect::<String>()
                .trim_end_matches([' ', '-'])
                .to_owned()
        })
}

/// Would each of them be followed to its end, this would take hours.
#[test]
fn what_a_client_sends_is_searched_once_however_many_beginnings_it_has() {
    let card = "4111 1111 1111 1111 ";
    let beginnings = [
        "eyJ", "-----", "bearer ", "basic ", "AIza", "xox", "sk-ant-", "://", "://a:", "://a:b@",
        card,
    ];
    let ends = ["-----BEGIN ", "-----END PRIVATE KEY-----", "eyJ.ghp_"];
    for text in beginnings.iter().chain(&ends) {
        let text = text.repeat((1 << 20) / text.len());
        let finder = Finder::new().unwrap();
        let mut from = 0;
        for found in finder.search(text.as_bytes()) {
            assert!(from <= found.start && found.start < found.end);
            from = found.end;
        }
    }
}

proptest! {
    #[test]
    fn a_token_is_found_wherever_it_stands(
        before in "\\PC{0,40}",
        token in token(),
        behind in "([^A-Za-z0-9_.=-]\\PC{0,40})?",
    ) {
        let text = format!("{before}{token}{behind}");
        let finder = Finder::new().unwrap();
        prop_assert!(finder.is_in(text.as_bytes()));
        prop_assert!(!without_found(&finder, &text).contains(&token));
    }

    #[test]
    fn a_card_is_found_wherever_it_stands(
        before in "(\\PC{0,40}[^0-9a-fA-F -])?",
        card in card(),
        behind in "([^0-9a-fA-F -]\\PC{0,40})?",
    ) {
        let text = format!("{before}{card}{behind}");
        let finder = Finder::new().unwrap();
        prop_assert!(finder.is_in(text.as_bytes()), "{}", text);
        prop_assert!(!without_found(&finder, &text).contains(&card));
    }

    #[test]
    fn a_part_of_what_is_clear_has_no_secret_whatever_stands_around_it(
        pieces in prop::collection::vec(prop_oneof![
            4 => "[ a-zA-Z0-9_-]{0,40}".boxed(),
            1 => token().boxed(),
            1 => card().boxed(),
            1 => "[0-9]{0,14}".boxed(),
            1 => "[a-z]{0,3}(://)?[a-z]{0,3}:?[a-z]{0,3}@?".boxed(),
        ], 1..8),
    ) {
        let finder = Finder::new().unwrap();
        let text = pieces.concat();
        let clear = finder.clear_bytes(text.as_bytes());
        prop_assert!(finder.is_in(text.as_bytes()) <= (clear < text.len()));
        let mut end = 0;
        for piece in &pieces {
            end += piece.len();
            let is_passed = end <= clear;
            prop_assert!(!(is_passed && finder.is_in(piece.as_bytes())), "{:?}", pieces);
        }
    }

    #[test]
    fn what_is_found_lies_in_order_within_the_text_and_between_characters(
        pieces in prop::collection::vec(prop_oneof![
            "\\PC{0,9}".boxed(),
            token().boxed(),
            card().boxed(),
            prop::sample::select(super::MARKS.iter().map(|mark| mark.0.to_owned()).collect::<Vec<_>>()).boxed(),
            "-----(BEGIN|END) PRIVATE KEY-----".boxed(),
        ], 0..8),
    ) {
        let text = pieces.concat();
        let finder = Finder::new().unwrap();
        let mut from = 0;
        for found in finder.search(text.as_bytes()) {
            prop_assert!(from <= found.start && found.start < found.end);
            prop_assert!(text.get(found.clone()).is_some());
            from = found.end;
        }
    }
}

fn without_found(finder: &Finder, text: &str) -> String {
    let mut rest = String::new();
    let mut from = 0;
    for found in finder.search(text.as_bytes()) {
        rest += &text[from..found.start];
        rest += "#";
        from = found.end;
    }
    rest + &text[from..]
}
