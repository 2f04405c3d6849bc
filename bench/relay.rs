//! A relay that looks at nothing: the least that a proxy costs. One thread, one task per client.
//!
//! `relay LISTEN SERVER`, both as `address:port`.

use tokio::net::{TcpListener, TcpStream};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(listen), Some(server)) = (arguments.next(), arguments.next()) else {
        return Err("relay LISTEN SERVER".into());
    };
    let listener = TcpListener::bind(listen).await?;
    loop {
        let (mut client, _) = listener.accept().await?;
        let server = server.clone();
        tokio::spawn(async move {
            let mut backend = TcpStream::connect(server).await?;
            client.set_nodelay(true)?;
            backend.set_nodelay(true)?;
            tokio::io::copy_bidirectional_with_sizes(&mut client, &mut backend, 65536, 65536).await
        });
    }
}
