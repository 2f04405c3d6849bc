use bytes::BytesMut;
use postgres_protocol::message::frontend;
use tokio::io::AsyncWriteExt;

use super::super::cancel;
use super::super::testing::Cluster;
use super::super::wire::{self, WireError};
use super::*;
use crate::protocol::tls::TlsClient;

fn key() -> PoolKey {
    PoolKey { database: "postgres".into(), user: "postgres".into(), name: "postgres".into() }
}

fn pool(cluster: &Cluster, size: usize) -> Pool {
    Pool::new(
        cluster.target(),
        PoolSettings {
            size,
            keepers: size,
            check_after: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(600),
            lifetime: Duration::from_secs(3600),
            wait_timeout: Duration::from_millis(200),
        },
    )
}

fn figures(in_use: usize, idle: usize) -> PoolFigures {
    PoolFigures { key: key(), in_use, idle, waiting: 0, longest_wait: Duration::ZERO }
}

async fn query(server: &mut PooledServer, text: &str) -> Result<wire::Answer, WireError> {
    let connection = server.connection_mut().unwrap();
    let answers =
        wire::simple_queries(&mut connection.stream, &mut connection.parameters, &[text]).await?;
    Ok(answers.into_iter().next().unwrap())
}

async fn value(server: &mut PooledServer, text: &str) -> String {
    query(server, text).await.unwrap().rows[0][0].clone().unwrap()
}

fn pid(server: &PooledServer) -> i32 {
    server.key().unwrap().process_id
}

#[tokio::test]
async fn a_connection_is_reused_clean_or_not_at_all() {
    let cluster = Cluster::start();
    let pool = pool(&cluster, 2);
    let mut first = pool.acquire(&key()).await.unwrap();
    let process = pid(&first);
    for text in [
        "SET search_path = 'evil'",
        "SET ROLE pg_monitor",
        "PREPARE stolen AS SELECT 1",
        "CREATE TEMP TABLE left_over (x int)",
        "SELECT pg_catalog.set_config('rowgate.left', 'x', false)",
        "BEGIN",
        "DECLARE c CURSOR FOR SELECT 1",
    ] {
        query(&mut first, text).await.unwrap();
    }
    assert!(first.release(Some(TransactionStatus::Open)).await);

    let mut second = pool.acquire(&key()).await.unwrap();
    assert_eq!(pid(&second), process, "the connection is reused");
    assert_eq!(value(&mut second, "SHOW search_path").await, "\"$user\", public");
    assert_eq!(value(&mut second, "SELECT current_user").await, "postgres");
    assert_eq!(value(&mut second, "SELECT count(*) FROM pg_prepared_statements").await, "0");
    assert_eq!(value(&mut second, "SELECT to_regclass('left_over') IS NULL").await, "t");
    assert!(second.release(Some(TransactionStatus::Idle)).await);

    // An answer nobody has read is left over: the next session must not get it.
    let mut third = pool.acquire(&key()).await.unwrap();
    let mut out = BytesMut::new();
    frontend::query("SELECT 'secret'", &mut out).unwrap();
    third.stream().unwrap().write_all(&out).await.unwrap();
    assert!(!third.release(Some(TransactionStatus::Idle)).await);
    // The caller is wrong about the transaction: DISCARD ALL fails inside one.
    let mut fourth = pool.acquire(&key()).await.unwrap();
    assert_ne!(pid(&fourth), process);
    query(&mut fourth, "BEGIN").await.unwrap();
    assert!(!fourth.release(Some(TransactionStatus::Idle)).await);
    let fifth = pool.acquire(&key()).await.unwrap();
    assert!(!fifth.release(None).await);
    assert_eq!(pool.figures(), [figures(0, 0)]);
}

#[tokio::test]
async fn the_pool_keeps_its_size_and_survives_a_restart_of_the_server() {
    let cluster = Cluster::start();
    let pool = pool(&cluster, 1);
    let mut held = pool.acquire(&key()).await.unwrap();
    assert!(matches!(pool.acquire(&key()).await, Err(PoolError::Exhausted { .. })));

    let settings = [
        ("application_name".to_owned(), "it's \\ me".to_owned()),
        ("statement_timeout".to_owned(), "7s".to_owned()),
    ];
    held.configure(&settings).await.unwrap();
    assert_eq!(value(&mut held, "SHOW application_name").await, "it's \\ me");
    assert_eq!(held.connection().unwrap().parameters["application_name"], "it's \\ me");
    let wrong = [("statement_timeout".to_owned(), "long".to_owned())];
    let Err(WireError::Server(error)) = held.configure(&wrong).await else {
        panic!("the server takes a wrong value");
    };
    assert_eq!(error.sqlstate, "22023");
    assert_eq!(value(&mut held, "SHOW statement_timeout").await, "7s");

    // Cancelling hits the statement that runs, and the connection stays usable.
    let running = held.key().unwrap().clone();
    let cancelling = async {
        loop {
            cancel::send(&running, &TlsClient::Disable).await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let sleeping = query(&mut held, "SELECT pg_catalog.pg_sleep(600)");
    let error = tokio::select! {
        result = sleeping => result.unwrap_err(),
        () = cancelling => unreachable!("cancels for ever"),
    };
    assert!(matches!(error, WireError::Server(error) if error.sqlstate == "57014"));

    assert!(held.release(Some(TransactionStatus::Idle)).await);
    cluster.restart();
    let mut next = pool.acquire(&key()).await.unwrap();
    assert_eq!(value(&mut next, "SHOW statement_timeout").await, "0");
    // Dropped in the middle of a statement, it frees its place once the statement is gone.
    drop(next);
    let deadline = Instant::now() + Duration::from_secs(60);
    while pool.figures()[0].in_use > 0 && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(pool.acquire(&key()).await.is_ok());
}

#[tokio::test]
async fn the_server_is_verified_and_a_wrong_password_is_an_error() {
    let cluster = Cluster::start();
    let mut target = cluster.target();
    let verified = TlsClient::verify_full(cluster.authority.as_bytes()).unwrap();
    for tls in [TlsClient::Disable, TlsClient::require().unwrap(), verified.clone()] {
        target.tls = tls;
        let connection = connect::connect(&target, "postgres", &[("geqo", "off")]).await.unwrap();
        assert_eq!(connection.stream.is_encrypted(), !matches!(target.tls, TlsClient::Disable));
        assert!(connection.version >= connect::MIN_SERVER_VERSION);
        super::super::client::open(&target, "postgres").await.unwrap();
    }
    // The certificate is for `localhost`.
    target.hosts = Hosts::one("127.0.0.1", cluster.port);
    let refused = connect::connect(&target, "postgres", &[]).await;
    assert!(matches!(refused, Err(ConnectError::Tls(_))), "{refused:?}");
    let stranger = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    target = cluster.target();
    target.tls = TlsClient::verify_full(stranger.cert.pem().as_bytes()).unwrap();
    let refused = connect::connect(&target, "postgres", &[]).await;
    assert!(matches!(refused, Err(ConnectError::Tls(_))), "{refused:?}");

    target = cluster.target();
    target.password = Some(connect::Password::new("wrong"));
    let refused = connect::connect(&target, "postgres", &[]).await.unwrap_err();
    assert!(matches!(&refused, ConnectError::Refused(error) if error.sqlstate == "28P01"));
    target = cluster.target();
    let refused = connect::connect(&target, "no_such", &[]).await.unwrap_err();
    assert_eq!(refused.sqlstate(), SqlState::INVALID_CATALOG_NAME);
}

#[tokio::test]
async fn clients_wait_uncounted() {
    let cluster = Cluster::start();
    let pool = pool(&cluster, 1);
    let held = pool.acquire(&key()).await.unwrap();
    let key = key();
    let (first, second, counted) = tokio::join!(pool.acquire(&key), pool.acquire(&key), async {
        // The two before have been asked before this runs.
        tokio::time::sleep(Duration::from_millis(20)).await;
        pool.figures().remove(0)
    });
    assert_eq!((counted.in_use, counted.idle, counted.waiting), (1, 0, 2));
    assert!(counted.longest_wait >= Duration::from_millis(20));
    assert!(matches!(first, Err(PoolError::Exhausted { before: 0, size: 1, .. })), "{first:?}");
    assert!(matches!(second, Err(PoolError::Exhausted { before: 1, .. })), "{second:?}");
    assert_eq!(pool.figures(), [figures(1, 0)]);
    drop(held);
}

#[tokio::test]
async fn answers_are_held_back_as_if_nobody_waited_for_a_connection() {
    let cluster = Cluster::start();
    let pool = pool(&cluster, 2);
    let queue = pool.queue(&key());
    let first = pool.acquire(&key()).await.unwrap();
    assert!(!queue.is_exhausted());
    let _second = pool.acquire(&key()).await.unwrap();
    assert!(queue.is_exhausted());
    let waiting = tokio::spawn({
        let pool = pool.clone();
        async move { pool.acquire(&key()).await }
    });
    while pool.figures().iter().all(|of| of.waiting == 0) {
        tokio::task::yield_now().await;
    }
    first.keep();
    assert!(queue.is_exhausted(), "it is the next one's at once");
    waiting.await.unwrap().unwrap().keep();
    assert!(!queue.is_exhausted());
}

#[tokio::test]
async fn a_connection_that_died_in_silence_is_handed_out() {
    let cluster = Cluster::start();
    let settings = PoolSettings {
        size: 2,
        keepers: 2,
        check_after: Duration::ZERO,
        idle_timeout: Duration::from_secs(600),
        lifetime: Duration::from_secs(3600),
        wait_timeout: Duration::from_secs(5),
    };
    let pool = Pool::new(cluster.target(), settings);
    let mut held = pool.acquire(&key()).await.unwrap();
    let process = pid(&held);
    query(&mut held, "SELECT 1").await.unwrap();
    held.keep();
    let queue = pool.queue(&key());
    assert!(
        queue.at_hand(&SettingValues::default(), 1, Stay::Usual).is_none(),
        "nobody has asked it"
    );
    let held = pool.acquire(&key()).await.unwrap();
    assert_eq!(pid(&held), process, "it answers");
    held.keep();
    // It is there and says nothing.
    let pause = nix::unistd::Pid::from_raw(process);
    nix::sys::signal::kill(pause, nix::sys::signal::Signal::SIGSTOP).unwrap();
    let next = pool.acquire(&key()).await;
    nix::sys::signal::kill(pause, nix::sys::signal::Signal::SIGCONT).unwrap();
    assert_ne!(pid(&next.unwrap()), process);
}
