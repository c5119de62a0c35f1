//! What filters mean, and which are refused.

use super::*;

/// Ada is a disabled contractor with two phones, Bo is nearly empty.
fn lab() -> Lab {
    let mut company = Company::plain(0);
    company.groups.clear();
    company.people = vec![
        person(
            "ada-1",
            json!({
                "userPrincipalName": "Ada@x.example", "displayName": "Ada \"Countess\" L", "accountEnabled": false,
                "givenName": "Ada", "surname": "Lovelace", "mail": "ada@x.example", "department": "Support",
                "businessPhones": ["+4930"], "mobilePhone": "+49170", "employeeType": "Contractor", "employeeId": "7",
            }),
        ),
        person("bo-2", json!({ "userPrincipalName": "bo@y.example", "displayName": "Bo", "accountEnabled": true })),
    ];
    Lab::new(company)
}

#[tokio::test]
async fn filters_mean_what_the_standard_says() {
    let lab = lab();
    let check = async |filter: &str, expected: &[&str]| {
        assert_eq!(lab.page(&format!("filter={}", filter.replace('+', "%2B"))).await, expected, "{filter}");
    };
    let (ada, bo, all): (&[&str], &[&str], &[&str]) = (&["ada-1"], &["bo-2"], &["ada-1", "bo-2"]);
    check(r#"userName eq "ADA@X.EXAMPLE""#, ada).await;
    check(r#"USERNAME Eq "ada@x.example""#, ada).await;
    check(r#"id eq "ADA-1""#, &[]).await;
    check(r#"id eq "ada-1""#, ada).await;
    check(r#"userName ne "ada@x.example""#, bo).await;
    check(r#"title ne "boss""#, all).await;
    check(r#"userName co "x.ex""#, ada).await;
    check(r#"userName sw "BO""#, bo).await;
    check(r#"userName ew "example""#, all).await;
    check(r#"displayName eq "Ada \"Countess\" L""#, ada).await;
    check("title pr", &[]).await;
    check("name.familyName pr", ada).await;
    check("emails pr", ada).await;
    check(r#"displayName gt "b""#, bo).await;
    check(r#"displayName le "ada \"countess\" l""#, ada).await;
    check("active eq true", bo).await;
    check("active eq false", ada).await;
    check("title eq null", all).await;
    check("userType eq null", bo).await;
    check(r#"active eq "false""#, &[]).await;
    check(r#"emails co "x.example""#, ada).await;
    check(r#"emails.value sw "ada""#, ada).await;
    check(r#"phoneNumbers[type eq "work" and value sw "+4930"]"#, ada).await;
    check(r#"phoneNumbers[type eq "work" and value sw "+49170"]"#, &[]).await;
    check(r#"phoneNumbers.type eq "work" and phoneNumbers.value eq "+49170""#, ada).await;
    check(r#"not (userName sw "ada")"#, bo).await;
    check(r#"not(active eq true) and userName pr"#, ada).await;
    check(r#"userName sw "bo" or userName sw "ada" and active eq true"#, bo).await;
    check(r#"(userName sw "bo" or userName sw "ada") and active eq false"#, ada).await;
    check(r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "ada""#, ada).await;
    check(r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "support""#, ada).await;
    check(r#"URN:ietf:params:scim:schemas:extension:ENTERPRISE:2.0:User:employeeNumber pr"#, ada).await;
    check(r#"urn:example:other:2.0:User:thing pr"#, &[]).await;
    check("nonsense pr", &[]).await;
    check(r#"meta.lastModified ge "2027-01-15T08:00:00Z""#, all).await;
    check(r#"meta.lastModified ge "2027-01-15T09:00:00.000+01:00""#, all).await;
    check(r#"meta.lastModified gt "2027-01-15T08:00:00Z""#, &[]).await;
    check(r#"meta.lastModified lt "2027-01-15T08:00:00.001Z""#, all).await;
    check(r#"meta.created eq "2027-01-15T03:00:00-05:00""#, all).await;
    check(r#"meta.lastModified ge "9999-01-01T00:00:00Z""#, &[]).await;
    check(r#"meta.lastModified ge "1970-01-01T00:00:00Z""#, all).await;
}

#[tokio::test]
async fn what_is_no_filter_is_refused() {
    let lab = lab();
    for filter in [
        "",
        "userName",
        "userName eq",
        "userName is \"x\"",
        "userName eq ada",
        "userName eq \"ada",
        "userName eq \"a\"and active eq true",
        "userName eq \"a\" active eq true",
        "userName eq \"a\" and",
        "(userName eq \"a\"",
        "userName eq \"a\")",
        "not userName eq \"a\"",
        "7up eq \"a\"",
        "a.b.c.d eq \"a\"",
        "active gt true",
        "active ge \"x\"",
        "userName lt null",
        "userName co 7",
        "meta.lastModified gt \"yesterday\"",
        "meta.lastModified gt 7",
        "emails[type eq \"work\"].value eq \"x\"",
        "emails[type eq \"work\"",
        "emails[phoneNumbers[type pr]]",
    ] {
        lab.get(&format!("/Users?filter={filter}")).await.refused(400, Some("invalidFilter"));
    }
    let deep = format!("{}userName pr{}", "(".repeat(60), ")".repeat(60));
    lab.get(&format!("/Users?filter={deep}")).await.refused(400, Some("invalidFilter"));
}

#[tokio::test(start_paused = true)]
async fn a_filter_sees_what_has_changed_since_it_was_asked_last() {
    let lab = Lab::of(150, Character::Strict);
    let since = "filter=meta.lastModified gt \"2027-01-15T08:00:00Z\"";
    assert_eq!(lab.page(since).await.len(), 0);
    lab.tenant.advance(std::time::Duration::from_secs(5));
    for index in 0..120 {
        lab.tenant.disable(&lab.user(index)).unwrap();
    }
    assert_eq!(lab.page(since).await, lab.users()[..100]);
    assert_eq!(lab.page(&format!("{since}&startIndex=101")).await, lab.users()[100..120]);
    lab.tenant.soft_delete(&lab.user(0)).unwrap();
    assert_eq!(lab.get(&format!("/Users?{since}")).await.body["totalResults"], 119, "the gone leave no trace");
    assert_eq!(lab.get(&format!("/Groups?{since}")).await.body["totalResults"], 1, "a member has gone");
}
