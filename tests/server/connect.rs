//! Connections that the log can tell apart by the port of the client.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Mutex;

use tokio::net::{TcpSocket, TcpStream};

static USED: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// Connects by a port that no client of this process had before.
///
/// The system gives one away again as soon as its connection is gone, and even before, to connections to
/// another server: a test that looks for the record of its own then finds another's.
pub(crate) async fn connect(server: SocketAddr) -> io::Result<TcpStream> {
    loop {
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let port = socket.local_addr()?.port();
        let is_fresh = USED.lock().map_err(|_| io::ErrorKind::Other)?.insert(port);
        if is_fresh {
            return socket.connect(server).await;
        }
    }
}
