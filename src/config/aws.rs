//! The forms of AWS names that more than one section takes.

/// What a Region looks like, for messages.
pub(super) const REGION: &str = "an AWS Region such as \"eu-west-2\"";

/// A Region: at least two words and a number, joined by hyphens.
pub(super) fn region(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split('-').collect();
    let [area, words @ .., number] = &parts[..] else { return None };
    let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase());
    let fits = area.len() == 2
        && is_word(area)
        && !words.is_empty()
        && words.iter().all(|word| is_word(word))
        && !number.is_empty()
        && number.chars().all(|c| c.is_ascii_digit());
    fits.then(|| text.to_owned())
}

/// An ARN, taken apart.
pub(super) struct Arn<'a> {
    pub(super) service: &'a str,
    pub(super) region: &'a str,
    pub(super) account: &'a str,
    pub(super) resource: &'a str,
}

/// Takes an ARN of any partition apart. The account has twelve digits.
pub(super) fn arn(text: &str) -> Option<Arn<'_>> {
    let mut parts = text.splitn(6, ':');
    let (arn, partition) = (parts.next()?, parts.next()?);
    let (service, region, account, resource) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_partition = partition == "aws" || partition.strip_prefix("aws-").is_some_and(|rest| !rest.is_empty());
    let is_account = account.len() == 12 && account.chars().all(|c| c.is_ascii_digit());
    (arn == "arn" && is_partition && is_account).then_some(Arn { service, region, account, resource })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_have_two_words_and_a_number() {
        for good in ["eu-west-2", "us-gov-west-1", "ap-southeast-1", "il-central-1"] {
            assert_eq!(region(good).as_deref(), Some(good));
        }
        for bad in ["", "eu", "eu-2", "eu-west", "EU-west-2", "eu-west-2a", "eu--2", "europe-west-2", "eu-west-2 "] {
            assert_eq!(region(bad), None, "{bad}");
        }
    }

    #[test]
    fn arns_come_apart() {
        let parts = arn("arn:aws-us-gov:connect:us-gov-west-1:111122223333:instance/a:b").unwrap();
        assert_eq!((parts.service, parts.region, parts.account), ("connect", "us-gov-west-1", "111122223333"));
        assert_eq!(parts.resource, "instance/a:b");
        for bad in ["", "arn:aws:connect", "arn:gcp:connect:eu-west-2:111122223333:x", "arn:aws:connect:eu-west-2:1:x"]
        {
            assert!(arn(bad).is_none(), "{bad}");
        }
    }
}
