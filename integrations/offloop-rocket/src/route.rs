//! Routes whose handlers work within their requests.

use rocket::route::{Handler, Outcome};
use rocket::{Data, Request, Route, async_trait};

use crate::future::Handling;
use crate::held::Held;

/// Has the handlers of these routes work within their requests: what they log carries the ids, what
/// they add is in the record, and a panic of theirs is told. A fairing cannot do so by itself.
///
/// ```
/// use offloop_rocket::{RequestFairing, logged};
/// use rocket::{get, routes};
///
/// #[get("/")]
/// fn index() -> &'static str {
///     offloop::request::add("plan", "gold");
///     "hello"
/// }
///
/// let rocket = rocket::build().mount("/", logged(routes![index])).attach(RequestFairing::new());
/// # drop(rocket);
/// ```
#[must_use]
pub fn logged(routes: impl Into<Vec<Route>>) -> Vec<Route> {
    let mut routes = routes.into();
    for route in &mut routes {
        route.handler = Box::new(Logged(route.handler.clone()));
    }
    routes
}

#[derive(Clone)]
struct Logged(Box<dyn Handler>);

#[async_trait]
impl Handler for Logged {
    async fn handle<'r>(&self, http: &'r Request<'_>, data: Data<'r>) -> Outcome<'r> {
        let Some(held) = Held::of(http) else {
            return self.0.handle(http, data).await;
        };
        if let Some(route) = http.route() {
            held.context().set_route(route.uri.path());
        }
        Handling::new(held, self.0.handle(http, data)).await
    }
}
