//! Rate limits: respected before they are hit, and waited out by the org's own clock.

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

use super::super::pace::{Buckets, smaller_page};
use super::*;
use crate::http::Answer;
use crate::remote::Pace;

const DATE: &str = "Mon, 02 Mar 2026 10:15:00 GMT";
const DATE_SECS: i64 = 1_772_446_500;

fn url(path: &str) -> Url {
    Url::parse(&format!("https://example.okta.com/api/v1{path}")).unwrap()
}

fn answer(status: u16, headers: &[(&str, String)]) -> Answer {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
    }
    Answer {
        status: StatusCode::from_u16(status).unwrap(),
        headers: map,
        body: Vec::new(),
        client_request_id: String::new(),
    }
}

fn told(status: u16, limit: u32, left: u32, reset_in: i64) -> Answer {
    answer(
        status,
        &[
            ("date", DATE.to_owned()),
            ("x-rate-limit-limit", limit.to_string()),
            ("x-rate-limit-remaining", left.to_string()),
            ("x-rate-limit-reset", (DATE_SECS + reset_in).to_string()),
        ],
    )
}

/// An hour off: our clock must not matter.
fn wrong_clock() -> DateTime<Utc> {
    now() + TimeDelta::hours(1)
}

#[tokio::test(start_paused = true)]
async fn the_share_of_others_is_left_alone() {
    for (share, limit, left, waits) in [
        (0.5, 600, 301, false),
        (0.5, 600, 300, true),
        (0.5, 600, 0, true),
        (0.9, 100, 11, false),
        (0.9, 100, 10, true),
        (1.0, 100, 1, false),
        (1.0, 100, 0, true),
        (0.1, 20, 19, false),
        (0.1, 20, 18, true),
    ] {
        let pace = Buckets::new(share, wrong_clock);
        let users = url("/users?limit=200");
        assert_eq!(pace.before(&users), Duration::ZERO, "nothing is known yet");
        assert_eq!(pace.after(&users, &told(200, limit, left, 37)), None);
        let expected = if waits { Duration::from_secs(37) } else { Duration::ZERO };
        assert_eq!(pace.before(&users), expected, "{share} of {limit}, {left} left");
        assert_eq!(pace.before(&url("/groups?limit=200")), Duration::ZERO, "another bucket");
        tokio::time::advance(Duration::from_secs(37)).await;
        assert_eq!(pace.before(&users), Duration::ZERO, "a new window");
    }
}

#[tokio::test(start_paused = true)]
async fn requests_under_way_together_do_not_all_take_the_last_one() {
    let pace = Buckets::new(0.5, wrong_clock);
    let user = url("/users/00u1");
    pace.after(&user, &told(200, 100, 53, 20));
    let waits = [0; 4].map(|_| pace.before(&url("/users/00u2")).as_secs());
    assert_eq!(waits, [0, 0, 0, 20]);
    assert_eq!(pace.org_time(), DateTime::from_timestamp(DATE_SECS, 0));
    assert_eq!(pace.headroom(), [("/users/{id}", 100, 50)]);
}

#[tokio::test(start_paused = true)]
async fn buckets_are_told_apart_by_the_most_specific_path() {
    let paths =
        ["/users", "/users/1", "/users/1/groups", "/groups", "/groups/1", "/groups/1/users", "/apps/1", "/logs"];
    for (at, path) in paths.iter().enumerate() {
        let pace = Buckets::new(0.5, wrong_clock);
        pace.after(&url(path), &told(200, 100, 0, 20));
        for (other, path) in paths.iter().enumerate() {
            assert_eq!(pace.before(&url(path)).is_zero(), other != at, "{path}");
        }
    }
    let pace = Buckets::new(0.5, wrong_clock);
    pace.after(&url("/apps?q=x"), &told(200, 100, 0, 20));
    for below in ["/apps/1/users?limit=500", "/apps/1/users/2", "/apps"] {
        assert!(!pace.before(&url(below)).is_zero(), "{below} is in the bucket of all applications");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_waited_out_by_the_orgs_clock() {
    let pace = Buckets::new(0.5, wrong_clock);
    let users = url("/users");
    let seconds = |wait: Option<Duration>| wait.unwrap().as_secs_f64();
    for _ in 0..50 {
        let wait = seconds(pace.after(&users, &told(429, 600, 0, 42)));
        assert!((42.0..43.0).contains(&wait), "{wait}");
        let passed = seconds(pace.after(&users, &told(429, 600, 0, -3)));
        assert!((1.0..2.0).contains(&passed), "at least a second: {passed}");
    }
    let after = answer(429, &[("retry-after", "7".to_owned()), ("x-rate-limit-reset", DATE_SECS.to_string())]);
    assert_eq!(pace.after(&users, &after), None, "the ordinary way, where it is given");
    assert_eq!(pace.after(&users, &answer(429, &[])), None, "nothing is said: an ordinary pause");
    assert_eq!(pace.after(&users, &told(503, 600, 500, 42)), None);
}

#[tokio::test(start_paused = true)]
async fn a_crowd_is_given_way_to_for_a_short_and_growing_time() {
    let pace = Buckets::new(0.5, wrong_clock);
    let users = url("/users");
    pace.after(&users, &told(200, 600, 500, 50));
    for (from, to) in [(0.5, 1.0), (1.0, 2.0), (2.0, 4.0), (4.0, 8.0), (4.0, 8.0)] {
        let wait = pace.after(&users, &told(429, 0, 0, 55)).unwrap().as_secs_f64();
        assert!((from..=to).contains(&wait), "{wait} is not between {from} and {to}");
    }
    assert_eq!(pace.before(&users), Duration::ZERO, "its zeroes are no bucket");
    pace.after(&users, &told(200, 600, 499, 50));
    assert!(pace.after(&users, &told(429, 0, 0, 55)).unwrap() <= Duration::from_secs(1), "a success ends it");
}

#[tokio::test(start_paused = true)]
async fn headers_that_make_no_sense_are_none() {
    let pace = Buckets::new(0.5, now);
    let users = url("/users");
    for (limit, left, reset) in [("x", "1", "1"), ("-1", "0", "1"), ("600", "", "1"), ("600", "0", "soon")] {
        let odd = answer(
            429,
            &[
                ("x-rate-limit-limit", limit.to_owned()),
                ("x-rate-limit-remaining", left.to_owned()),
                ("x-rate-limit-reset", reset.to_owned()),
            ],
        );
        assert_eq!(pace.after(&users, &odd), None);
        assert_eq!(pace.before(&users), Duration::ZERO);
    }
    // Without a date, our own clock has to do.
    let undated = answer(
        200,
        &[
            ("x-rate-limit-limit", "600".to_owned()),
            ("x-rate-limit-remaining", "0".to_owned()),
            ("x-rate-limit-reset", (DATE_SECS + 9).to_string()),
        ],
    );
    pace.after(&users, &undated);
    assert_eq!(pace.before(&users), Duration::from_secs(9));
    assert!(Instant::now().elapsed().is_zero());
}

#[test]
fn a_page_is_halved_down_to_a_smallest_one() {
    let mut sizes = Vec::new();
    let mut current = url("/users?search=a+%22b%22&limit=200&after=x%2By");
    while let Some(smaller) = smaller_page(&current) {
        let pairs: BTreeMap<String, String> = smaller.query_pairs().into_owned().collect();
        assert_eq!((pairs["search"].as_str(), pairs["after"].as_str()), ("a \"b\"", "x+y"));
        sizes.push(pairs["limit"].parse::<u32>().unwrap());
        current = smaller;
    }
    assert_eq!(sizes, [100, 50, 25, 12, 10]);
    assert_eq!(smaller_page(&url("/users/00u1")), None);
}

#[tokio::test]
async fn a_wait_that_is_too_long_is_an_error_that_says_so() {
    let fake = company().await;
    let spent = wiremock::ResponseTemplate::new(200)
        .set_body_json(json!([]))
        .insert_header("x-rate-limit-limit", "600")
        .insert_header("x-rate-limit-remaining", "10")
        .insert_header("x-rate-limit-reset", "1999999999");
    fake.world().fault("/groups?expand", 1, spent);
    let rig = Rig::new(fake, groups(&["Agents"]), &[]);
    // The group was not found in that answer; asked again, the bucket is used up for years.
    assert_eq!(rig.pull().await.unwrap_err().kind, PullErrorKind::NotFound);
    let error = rig.pull().await.unwrap_err();
    assert_eq!(error.kind, PullErrorKind::Throttled);
    assert!(error.hint.contains("rate_share"), "{error}");
    assert_eq!(rig.seen().len(), 1, "nothing was sent the second time");
}
