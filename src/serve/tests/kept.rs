//! What keeps a contact centre up: one whose run panics or hangs, or that cannot start, is started anew.

use connectors::http::{Carried, Carrier, Cause, Parcel, Tls};

use super::super::keeper::Keeper;
use super::*;
use crate::model::SubjectKind;
use crate::report::notify::{Hears, Notifier, NotifierConfig, NotifierKind, WebhookConfig, WebhookUrl};

/// Builds the contact centre over the file of a home; fails while told so.
struct Builder {
    folder: PathBuf,
    mood: Arc<Mood>,
    fails: AtomicU8,
    made: AtomicUsize,
    letters: Std<Option<Arc<Letterbox>>>,
}

impl Maker for Builder {
    type Target = Fake;

    async fn make(&self) -> anyhow::Result<(Service<Fake>, RunLease)> {
        self.made.fetch_add(1, Ordering::SeqCst);
        anyhow::ensure!(self.fails.load(Ordering::SeqCst) == 0, "the directory is on fire");
        let store = open(&self.folder).await?;
        let lease = store.acquire("test", now()).await?;
        let service = service(store, &self.mood, true, "one");
        let letters = self.letters.lock().unwrap().clone();
        if let Some(letters) = letters {
            service.tellers.lock().await.push(teller(&letters).await);
        }
        Ok((service, lease))
    }
}

struct Kept {
    maker: Arc<Builder>,
    started: oneshot::Receiver<anyhow::Result<()>>,
    keeper: Keeper<Builder>,
}

fn kept(home: &mut Home) -> Kept {
    let (asks, renewals) = home.inside.take().unwrap();
    let (start_sender, started) = oneshot::channel();
    let maker = Arc::new(Builder {
        folder: home.folder.path().to_owned(),
        mood: Arc::clone(&home.mood),
        fails: AtomicU8::new(0),
        made: AtomicUsize::new(0),
        letters: Std::default(),
    });
    let keeper = Keeper {
        maker: Arc::clone(&maker),
        desk: Arc::clone(&home.desk),
        ask_sender: mpsc::channel(1).0,
        asks,
        renewals,
        stop: home.stop.subscribe(),
        started: Some(start_sender),
    };
    Kept { maker, started, keeper }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_panics_or_hangs_is_followed_by_a_new_start_with_a_new_lease() {
    for mood in [PANICS, HANGS] {
        let mut home = Home::new().await;
        let Kept { maker, started, keeper } = kept(&mut home);
        home.mood.set(mood);
        let happens = async {
            started.await.unwrap().unwrap();
            home.mood.looked(1).await;
            home.mood.set(QUICK);
            home.mood.looked(2).await;
            tokio::time::sleep(Duration::from_secs(60)).await;
            assert_eq!(maker.made.load(Ordering::SeqCst), 2);
            assert!(home.handle.standing().succeeded.is_some());
            home.stop.send_replace(true);
        };
        let (departure, ()) = tokio::join!(keeper.keep(), happens);
        assert_eq!(departure, Departure::default());
        // The second lease, and the one that proves that it was given back.
        let lease = home.store.acquire("afterwards", now()).await.unwrap();
        assert_eq!(lease.fencing(), 3);
    }
}

/// A webhook that keeps what is posted.
#[derive(Debug, Default)]
struct Letterbox(Std<Vec<String>>);

impl Carrier for Letterbox {
    fn carry(&self, parcel: Parcel) -> Pin<Box<dyn Future<Output = Result<Carried, Cause>> + Send + '_>> {
        self.0.lock().unwrap().push(String::from_utf8_lossy(&parcel.body).into_owned());
        let (status, headers, body) = (200.try_into().unwrap(), Default::default(), Vec::new());
        Box::pin(async move { Ok(Carried { status, headers, body }) })
    }
}

async fn teller(letters: &Arc<Letterbox>) -> Teller {
    let url = WebhookUrl::Plain("https://hooks.example.com/x".parse().unwrap());
    let config = WebhookConfig { url, authorization: None, signing_key: None, tls: Tls::default() };
    let hears = Hears { on: BTreeSet::from(SubjectKind::ALL), newly_held: 5 };
    let config = NotifierConfig { name: "ops".to_owned(), hears, kind: NotifierKind::Webhook(Box::new(config)) };
    let carrier: Arc<dyn Carrier> = letters.clone();
    Teller::new(Notifier::over(None, Some(&carrier), &config, "test").await.unwrap())
}

#[tokio::test(start_paused = true)]
async fn who_wants_to_know_hears_of_an_abandoned_run_and_of_the_end_of_that() {
    let mut home = Home::new().await;
    let letters = Arc::<Letterbox>::default();
    let Kept { maker, started: _started, keeper } = kept(&mut home);
    *maker.letters.lock().unwrap() = Some(Arc::clone(&letters));
    home.mood.set(HANGS);
    let happens = async {
        home.mood.looked(2).await;
        home.mood.set(QUICK);
        home.mood.looked(3).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        home.stop.send_replace(true);
    };
    tokio::join!(keeper.keep(), happens);
    let letters: Vec<serde_json::Value> =
        letters.0.lock().unwrap().iter().map(|letter| serde_json::from_str(letter).unwrap()).collect();
    assert_eq!(letters.len(), 3, "{letters:#?}");
    let first = &letters[0]["troubles"][0];
    assert_eq!(first["subject"], "run");
    assert!(first["what"].as_str().unwrap().contains("did not end in time"), "{first}");
    assert_eq!(
        (&letters[1]["troubles"][0]["subject"], &letters[2]["over"][0]["subject"]),
        (&"run".into(), &"run".into())
    );
}

#[tokio::test(start_paused = true)]
async fn what_cannot_start_says_why_and_is_tried_again() {
    let mut home = Home::new().await;
    let Kept { maker, started, keeper } = kept(&mut home);
    maker.fails.store(1, Ordering::SeqCst);
    let happens = async {
        assert_eq!(started.await.unwrap().unwrap_err().to_string(), "the directory is on fire");
        let by_hand = home.ask(Ask::default()).await;
        assert!(refused(&by_hand).is_some_and(|message| message.contains("on fire")), "{by_hand:?}");
        assert!(!home.handle.health().ready && home.handle.health().live);
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        let made = maker.made.load(Ordering::SeqCst);
        assert!((10..=25).contains(&made), "{made} starts in an hour: at first soon, then every five minutes");
        assert!(home.handle.health().live, "who waits gives signs of life");
        maker.fails.store(0, Ordering::SeqCst);
        let start = Instant::now();
        home.desk.wake.notify_one();
        home.mood.looked(1).await;
        assert!(start.elapsed() < Duration::from_secs(60), "somebody has mended it and said so");
        home.stop.send_replace(true);
    };
    let (departure, ()) = tokio::join!(keeper.keep(), happens);
    assert_eq!(departure, Departure::default());
}

#[tokio::test(start_paused = true)]
async fn what_was_counted_outlives_a_new_start() {
    let mut home = Home::new().await;
    let Kept { maker: _, started: _started, keeper } = kept(&mut home);
    let happens = async {
        home.mood.looked(2).await;
        home.mood.set(PANICS);
        home.mood.looked(3).await;
        home.mood.set(QUICK);
        home.mood.looked(4).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        let counted = metric(&home, "result=\"nothing_to_do\"");
        assert!(counted[0].ends_with(" 3.0"), "two before, one after: {counted:?}");
        home.stop.send_replace(true);
    };
    tokio::join!(keeper.keep(), happens);
}
