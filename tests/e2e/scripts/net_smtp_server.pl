# Stores each message that comes by Net::SMTP::Server in a file: ADDRESS PORT DIRECTORY.
use strict;
use warnings;
use Net::SMTP::Server;
use Net::SMTP::Server::Client;

my ($address, $port, $directory) = @ARGV;
$| = 1;
my $server = Net::SMTP::Server->new($address, $port) or die "cannot listen: $!\n";
print "ready\n";
my $count = 0;
while (my $connection = $server->accept()) {
    my $client = Net::SMTP::Server::Client->new($connection);
    $client->process || next;
    # It is done with a message only when the client has gone; nobody shall see half of a file till then.
    open my $file, '>:raw', "$directory/.part" or die $!;
    print $file $client->{MSG};
    close $file;
    rename "$directory/.part", "$directory/$count" or die $!;
    $count++;
}
