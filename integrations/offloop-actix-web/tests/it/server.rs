//! Servers of actix-web, each in a thread of its own.

use std::net::{SocketAddr, TcpListener};
use std::sync::{OnceLock, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, rt};
use offloop_actix_web::{RequestLog, on_connect};

use crate::{log, service};

/// How long a server waits for the next request of a client that is as slow as its machine: actix-web itself
/// closes the connection after 5 seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// What differs between the servers of the tests.
pub(crate) struct Setup {
    pub(crate) log: RequestLog,
    /// Whether a client that closes its end still gets its answer: actix-web's default.
    pub(crate) answers_half_closed: bool,
    pub(crate) notes_connections: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Setup {
            log: RequestLog::new(),
            answers_half_closed: true,
            notes_connections: true,
        }
    }
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    handle: ServerHandle,
    thread: JoinHandle<()>,
}

/// The server of all tests that need nothing special.
pub(crate) fn usual() -> SocketAddr {
    static SERVER: OnceLock<SocketAddr> = OnceLock::new();
    *SERVER.get_or_init(|| Server::start(Setup::default()).address)
}

impl Server {
    pub(crate) fn start(setup: Setup) -> Server {
        log::start();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (send, receive) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            rt::System::new().block_on(async {
                let server = serve(setup, listener);
                send.send(server.handle()).unwrap();
                server.await.unwrap();
            });
        });
        Server {
            address,
            handle: receive.recv().unwrap(),
            thread,
        }
    }

    /// Ends it in order: the requests under way get their answers. It waits for clients that are connected.
    pub(crate) fn stop(self) {
        drop(self.handle.stop(true));
        self.thread.join().unwrap();
    }
}

fn serve(setup: Setup, listener: TcpListener) -> actix_web::dev::Server {
    let Setup {
        log,
        answers_half_closed,
        notes_connections,
    } = setup;
    let app = move || {
        App::new()
            .configure(service::configure)
            .wrap(log.clone())
            .wrap(from_fn(service::replace_errors))
    };
    HttpServer::new(app)
        .on_connect(move |stream, data| {
            if notes_connections {
                on_connect(stream, data);
            }
        })
        .workers(2)
        .keep_alive(PATIENCE)
        .disable_signals()
        .h1_allow_half_closed(answers_half_closed)
        .listen_auto_h2c(listener)
        .unwrap()
        .run()
}
