//! Several files, one process: each is a contact centre of its own, and no two may be the same one.
//!
//! Invariant: all problems of all files are told at once.

use std::path::{Path, PathBuf};

use super::problem::{Problem, Problems};
use super::{Config, load};

/// Reads files that are to be served by one process.
///
/// # Errors
/// Every problem of every file, and every pair of files that name the same contact centre, state file or instance.
pub fn load_all(paths: &[PathBuf]) -> Result<Vec<Config>, Vec<Problems>> {
    let (mut configs, mut broken) = (Vec::new(), Vec::new());
    for path in paths {
        match load(path) {
            Ok(config) => configs.push(config),
            Err(problems) => broken.push(problems),
        }
    }
    broken.extend(clashes(&configs));
    if broken.is_empty() { Ok(configs) } else { Err(broken) }
}

/// What two files must not have in common, told of the later one.
fn clashes(configs: &[Config]) -> Vec<Problems> {
    let each = configs.iter().enumerate().filter_map(|(at, config)| {
        let list: Vec<Problem> = configs[..at].iter().flat_map(|earlier| clash(earlier, config)).collect();
        (!list.is_empty()).then(|| Problems { path: config.path.clone(), list })
    });
    each.collect()
}

fn clash(earlier: &Config, later: &Config) -> Vec<Problem> {
    let other = earlier.path.display();
    let problem = |place: &str, what: &str, hint: &str| Problem {
        line: 0,
        place: place.to_owned(),
        message: format!("{other} names the same {what}"),
        hint: Some(hint.to_owned()),
    };
    let mut list = Vec::new();
    if earlier.name == later.name {
        list.push(problem("name", "contact centre", "give each its own name; it names the log group, too"));
    }
    if same_file(&earlier.state, &later.state) {
        list.push(problem("state", "state file", "give each contact centre a state file of its own"));
    }
    if earlier.connect.instance_arn == later.connect.instance_arn {
        let hint = "one contact centre has one source of truth: put both into one file, or take one away";
        list.push(problem("[connect] instance", "instance", hint));
    }
    list
}

/// Whether two paths lead to one file, by whatever links; the file itself may not be there yet.
fn same_file(one: &Path, other: &Path) -> bool {
    let resolved = |path: &Path| {
        path.canonicalize().unwrap_or_else(|_| {
            let folder = path.parent().and_then(|folder| folder.canonicalize().ok()).unwrap_or_default();
            path.file_name().map_or_else(|| path.to_owned(), |name| folder.join(name))
        })
    };
    resolved(one) == resolved(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, file: &str, name: &str, state: &str, instance: u8) -> PathBuf {
        let secret = folder.join("secret");
        std::fs::write(&secret, "x").unwrap();
        std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let path = folder.join(file);
        let text = format!(
            "name = {name:?}\nstate = {state:?}\n[source.entra]\nkind = \"microsoft\"\ntenant = \"contoso.example\"\n\
             client_id = \"app\"\nclient_secret = {{ file = \"secret\" }}\n[connect]\ninstance = \
             \"arn:aws:connect:eu-west-2:111122223333:instance/12345678-1234-1234-1234-12345678901{instance}\"\n[default]\n\
             security_profiles = [\"Agent\"]\nrouting_profile = \"Basic\"\n"
        );
        std::fs::write(&path, text).unwrap();
        path
    }

    fn told(paths: &[PathBuf]) -> Vec<String> {
        let broken = load_all(paths).unwrap_err();
        let each = broken.iter().flat_map(|problems| {
            let file = problems.path.file_name().unwrap().to_string_lossy().into_owned();
            problems.list.iter().map(move |problem| format!("{file}: {}", problem.place))
        });
        each.collect()
    }

    #[test]
    fn no_two_files_are_the_same_contact_centre_and_all_problems_come_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        std::fs::create_dir(at.join("sub")).unwrap();
        let one = write(at, "one.toml", "emea", "one.db", 1);
        let two = write(at, "two.toml", "apac", "two.db", 2);
        assert_eq!(load_all(&[one.clone(), two.clone()]).unwrap().len(), 2);
        // The same state file by another way.
        let three = write(at, "three.toml", "emea", "sub/../one.db", 3);
        let four = write(at, "four.toml", "latam", "four.db", 2);
        let broken = at.join("broken.toml");
        std::fs::write(&broken, "name = 7\n").unwrap();
        let all = told(&[one.clone(), broken, two, three, four]);
        assert!(all.iter().any(|line| line.starts_with("broken.toml: ")), "{all:?}");
        let clashes: Vec<_> = all.iter().filter(|line| !line.starts_with("broken.toml")).collect();
        assert_eq!(clashes, ["three.toml: name", "three.toml: state", "four.toml: [connect] instance"]);
        assert_eq!(told(&[one.clone(), one]), ["one.toml: name", "one.toml: state", "one.toml: [connect] instance"]);
    }
}
