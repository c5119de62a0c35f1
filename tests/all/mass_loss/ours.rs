//! What somebody did to rollcall: its configuration and its state file.

use rollcall::sandbox::company::Company;

use super::site::Site;
use super::subjects::of_groups;
use crate::contract::rig::limits;

/// A group without anybody.
const NOBODY: &str = "0a51de00-0000-4000-8000-000000000003";

/// A typing error in the scope: it means an empty group, or a group of other people.
pub(super) async fn filter_changed(site: &mut Site) {
    site.sandbox.tenant.add_group(NOBODY, "Nobody").unwrap();
    let groups: &[&str] = if site.subject.struck().everybody { &["Nobody"] } else { &["Nobody", "Everybody-Else"] };
    for group in groups {
        site.build(limits(), |kind, sandbox, secret, limits| of_groups(kind, sandbox, secret, limits, &[group]));
        site.runs(&[true, false, true]).await;
    }
    site.must_have_said(&["now has none", "none of them", "no membership", "nobody", "ids have changed"]);
    site.sandbox.tenant.delete_group(NOBODY).unwrap();
    site.as_configured();
}

/// Yesterday's state file is put back while the directory has moved on: people came who are not in it, and people left
/// whose users it still remembers.
pub(super) async fn restored_old_database(site: &mut Site) {
    site.end().await;
    let files = site.state_files();
    let saved: Vec<Option<Vec<u8>>> = files.iter().map(|file| std::fs::read(file).ok()).collect();
    let tenant = site.sandbox.tenant.clone();
    let users = tenant.users().into_iter();
    let leavers: Vec<_> = users.filter(|user| site.expected.contains(&user.user_principal_name)).collect();
    for user in leavers.iter().step_by(11).take(4) {
        tenant.disable(&user.id).unwrap();
        site.expected.remove(&user.user_principal_name);
        site.meant += 1;
    }
    for number in 0..4 {
        let person = Company::newcomer(3, 9_000 + number);
        let login = person.properties["userPrincipalName"].as_str().unwrap().to_owned();
        let id = person.id.clone();
        tenant.add_user(person).unwrap();
        tenant.add_member(&site.agents(), &id).unwrap();
        site.expected.insert(login);
    }
    tenant.advance(std::time::Duration::from_secs(86_400));
    site.run(true).await.unwrap();
    assert_eq!(site.ours(), site.expected);
    site.end().await;
    for (file, bytes) in site.state_files().iter().zip(saved) {
        match bytes {
            Some(bytes) => std::fs::write(file, bytes).unwrap(),
            None => {
                let _ = std::fs::remove_file(file);
            }
        }
    }
    let before = site.sandbox.connect.journal().len();
    site.runs(&[false, true, false]).await;
    assert_eq!(site.sandbox.connect.journal().len(), before, "there was nothing to do in Connect");
    site.must_have_said(&["an older copy"]);
}

/// The disk is gone, and with it the memory of who is ours.
pub(super) async fn lost_database(site: &mut Site) {
    site.end().await;
    for file in site.state_files() {
        let _ = std::fs::remove_file(file);
    }
    let before = site.sandbox.connect.journal().len();
    site.runs(&[false, true]).await;
    assert_eq!(site.sandbox.connect.journal().len(), before, "there was nothing to do in Connect");
    site.must_have_said(&["the state file is new"]);
}
