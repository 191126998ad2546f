//! The other end of the connection, where the server tells it in a request's extensions.

use std::net::SocketAddr;

use http::Extensions;

use crate::connection::LoggedConnection;

/// The connection, if this crate sees it.
pub(crate) fn connection_of(extensions: &Extensions) -> Option<&LoggedConnection> {
    #[cfg(feature = "axum")]
    if let Some(info) = extensions.get::<axum::extract::ConnectInfo<LoggedConnection>>() {
        return Some(&info.0);
    }
    extensions.get()
}

pub(crate) fn of(
    extensions: &Extensions,
    connection: Option<&LoggedConnection>,
) -> Option<SocketAddr> {
    if let Some(connection) = connection {
        return connection.peer();
    }
    #[cfg(feature = "axum")]
    if let Some(info) = extensions.get::<axum::extract::ConnectInfo<SocketAddr>>() {
        return Some(info.0);
    }
    #[cfg(feature = "tonic")]
    if let Some(info) = extensions.get::<tonic::transport::server::TcpConnectInfo>() {
        return info.remote_addr();
    }
    extensions.get().copied()
}
