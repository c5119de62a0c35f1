//! What systemd hears.

use std::process::Stdio;
use std::time::Duration;

use rollcall::serve::{HUNG_SECS, Handle, systemd};
use tokio::net::UnixDatagram;
use tokio::process::Command;
use tokio::time::Instant;

use super::house::House;
use super::indoors::{Indoors, pass};

/// Reads messages up to one that holds this.
async fn hears(socket: &UnixDatagram, word: &str) -> Vec<String> {
    let mut seen = Vec::new();
    let listen = async {
        loop {
            let mut message = vec![0; 4096];
            let length = socket.recv(&mut message).await.unwrap();
            let text = String::from_utf8(message[..length].to_vec()).unwrap();
            let found = text.lines().any(|line| line.starts_with(word));
            seen.push(text);
            if found {
                return;
            }
        }
    };
    let heard = tokio::time::timeout(Duration::from_secs(60), listen).await;
    assert!(heard.is_ok(), "systemd does not hear `{word}`: {seen:#?}");
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn systemd_hears_ready_alive_reloading_and_stopping() {
    let mut house = House::of(10, "every = \"1s\"").await;
    let path = house.world.folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    house.notify = Some(path);
    let mut service = house.serve().await;
    let first = hears(&socket, "READY=1").await;
    assert!(first[0].contains("STATUS=support-emea: "), "{first:#?}");
    hears(&socket, "WATCHDOG=1").await;
    hears(&socket, "STATUS=support-emea: nothing to do at").await;

    service.signal("HUP").await;
    let reloading = hears(&socket, "RELOADING=1").await;
    assert!(reloading.last().unwrap().lines().any(|line| line.starts_with("MONOTONIC_USEC=")), "{reloading:#?}");
    hears(&socket, "READY=1").await;

    service.signal("TERM").await;
    let stopping = hears(&socket, "STOPPING=1").await;
    assert!(stopping.last().unwrap().contains("EXTEND_TIMEOUT_USEC="), "{stopping:#?}");
    assert_eq!(service.ended().await, Some(0));
}

/// What names the socket to the process of the next test.
const SOCKET: &str = "NOTIFY_SOCKET";

/// A contact centre that hangs, told to systemd as the service tells it, in virtual time. Only for the next test, which gives
/// it a process with a socket of systemd's; without one there is nobody to tell.
#[tokio::test(start_paused = true)]
async fn a_centre_that_stops_moving_after_a_while() {
    if std::env::vars().all(|(name, _)| name != SOCKET) {
        return;
    }
    let centre = Indoors::of(6, "every = \"10m\"", |_| {});
    // Every minute, as long as it is let.
    let tell = async |handle: &Handle, minutes: u64| {
        for _ in 0..minutes {
            systemd::status(&format!("silent for {} s", handle.standing().silent_secs));
            systemd::alive(&[handle.standing()]);
            pass(1).await;
        }
    };
    let story = async |handle: &Handle| {
        tell(handle, 30).await;
        handle.clone()
    };
    let (handle, _) = centre.serve(story).await;
    // Its task is gone, and with it every sign of life: as if its thread hung.
    systemd::status("hangs");
    tell(&handle, 30).await;
}

#[tokio::test]
async fn systemd_hears_nothing_any_more_from_a_process_with_a_centre_that_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "serve::systemd::a_centre_that_stops_moving_after_a_while"]).env(SOCKET, &path);
    let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn().unwrap();
    let mut heard = Vec::new();
    let started = Instant::now();
    let status = loop {
        let mut message = vec![0; 4096];
        tokio::select! {
            length = socket.recv(&mut message) => {
                heard.push(String::from_utf8(message[..length.unwrap()].to_vec()).unwrap());
            }
            status = child.wait() => break status.unwrap(),
        }
        assert!(started.elapsed() < Duration::from_secs(60), "{heard:#?}");
    };
    let mut message = vec![0; 4096];
    while let Ok(length) = socket.try_recv(&mut message) {
        heard.push(String::from_utf8(message[..length].to_vec()).unwrap());
    }
    assert!(status.success());
    let heard: Vec<&str> = heard.iter().map(|word| word.trim_end()).collect();
    let hangs = heard.iter().position(|word| *word == "STATUS=hangs").expect("it comes to that");
    let (alive, hung) = heard.split_at(hangs);
    let signs = |words: &[&str]| words.iter().filter(|word| **word == "WATCHDOG=1").count();
    assert_eq!(signs(alive), 30, "{alive:#?}");
    let most = usize::try_from(HUNG_SECS / 60).unwrap();
    assert!((most - 1..=most + 1).contains(&signs(hung)), "{hung:#?}");
    assert!(hung.iter().rev().take(15).all(|word| *word != "WATCHDOG=1"), "then it is silent: {hung:#?}");
}
