//! What systemd hears.

use std::time::Duration;

use tokio::net::UnixDatagram;

use super::house::House;

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
