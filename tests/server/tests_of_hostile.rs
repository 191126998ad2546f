//! Requests that mean harm.

use crate::server::hostile;
use crate::service::serve;

#[tokio::test]
async fn a_hostile_request_leaves_at_most_one_valid_line_of_bounded_size() {
    hostile::check_all(serve().await).await;
}
