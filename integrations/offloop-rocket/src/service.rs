//! The fairing: begins each request, and hands it over to the response's body.

use offloop::request::{Arrival, Request, ResponseHead};
use rocket::fairing::{Fairing, Info, Kind};
use rocket::http::{HeaderMap, Status};
use rocket::{Data, Response, async_trait};

use crate::body::Download;
use crate::headers::Fields;
use crate::held::Held;
use crate::layer::RequestFairing;

#[async_trait]
impl Fairing for RequestFairing {
    fn info(&self) -> Info {
        Info {
            name: "records of requests",
            kind: Kind::Request | Kind::Response,
        }
    }

    async fn on_request(&self, http: &mut rocket::Request<'_>, _: &mut Data<'_>) {
        Held::put(http, self.begin(http));
    }

    async fn on_response<'r>(&self, http: &'r rocket::Request<'_>, response: &mut Response<'r>) {
        let Some(held) = Held::of(http) else { return };
        if let Some(route) = http.route() {
            held.context().set_route(route.uri.path());
        }
        held.context().send_back(|name, value| {
            response.set_raw_header(name, value.to_owned());
        });
        if let Some(request) = held.take() {
            finish(request, held, http, response).await;
        }
    }
}

impl RequestFairing {
    fn begin(&self, http: &rocket::Request<'_>) -> Request {
        let uri = http.uri();
        let is_encrypted = http.rocket().config().tls_enabled();
        let host = http.host().map(ToString::to_string);
        let arrival = Arrival {
            method: http.method().as_str(),
            path: uri.path().as_str(),
            query: uri.query().map(|query| query.as_str()),
            scheme: Some(if is_encrypted { "https" } else { "http" }),
            host: host.as_deref(),
            peer: http.remote(),
            ..Arrival::default()
        };
        let request = self.log.begin(arrival, &Fields(http.headers()));
        // Rocket shows the body to no fairing: what the client has declared must do.
        if let Some(declared) = content_length(http.headers()) {
            request.context().received(declared);
        }
        request
    }
}

fn content_length(headers: &HeaderMap<'_>) -> Option<u64> {
    headers.get_one("content-length")?.parse().ok()
}

/// From here on, the response's body has the request.
async fn finish<'r>(
    mut request: Request,
    held: &Held,
    http: &rocket::Request<'_>,
    response: &mut Response<'r>,
) {
    let is_upgrade = is_upgrade(http, response);
    let status = match is_upgrade {
        // Rocket says so after all fairings.
        true => Status::SwitchingProtocols,
        false => response.status(),
    };
    let size = response.body_mut().size().await;
    let declared = content_length(response.headers());
    let head = ResponseHead {
        status: status.code,
        length: size.map(|size| size as u64).or(declared),
        is_body_ended: response.body().is_none(),
    };
    request.head(head, &Fields(response.headers()));
    if is_upgrade {
        held.upgrade(request);
    } else if !request.has_ended() {
        Download::put(response, request, size);
    }
}

/// As Rocket will find: the client asks for a protocol that the response has a handler for.
fn is_upgrade(http: &rocket::Request<'_>, response: &mut Response<'_>) -> bool {
    let asked = http.headers().get("upgrade");
    let mut asked = asked.flat_map(|line| line.split(',')).map(str::trim);
    asked.any(|protocol| response.upgrade(protocol).is_some())
}
