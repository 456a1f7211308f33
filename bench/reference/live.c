/* A message of three pieces over a socket: one sendmsg, or through a pipe and one splice. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define API __attribute__((visibility("default")))

/* What a call left is sent by further ones: each takes at least a byte. */
API int64_t send_pieces(int sock, const struct iovec *pieces, int64_t messages)
{
	for (int64_t message = 0; message < messages; message++) {
		struct iovec left[3] = {pieces[0], pieces[1], pieces[2]};
		struct msghdr header = {.msg_iov = left, .msg_iovlen = 3};

		while (header.msg_iovlen) {
			ssize_t sent = sendmsg(sock, &header, 0);

			if (sent < 0 && errno != EINTR)
				return -errno;
			for (size_t taken = sent > 0 ? sent : 0; header.msg_iovlen; header.msg_iov++, header.msg_iovlen--) {
				if (taken < header.msg_iov->iov_len) {
					header.msg_iov->iov_base = (char *)header.msg_iov->iov_base + taken;
					header.msg_iov->iov_len -= taken;
					break;
				}
				taken -= header.msg_iov->iov_len;
			}
		}
	}
	return 0;
}

static int64_t drain(int pipe_out, int sock, size_t filled_bytes, int flags)
{
	while (filled_bytes) {
		ssize_t sent = splice(pipe_out, 0, sock, 0, filled_bytes, flags);

		if (sent == 0 || (sent < 0 && errno != EINTR))
			return sent ? -errno : -EAGAIN;
		filled_bytes -= sent > 0 ? sent : 0;
	}
	return 0;
}

/* The middle piece comes from the file; a full pipe goes out with MORE meanwhile. */
API int64_t splice_pieces(int sock, int file, int pipe_in, int pipe_out, const struct iovec *pieces, int64_t messages)
{
	for (int64_t message = 0; message < messages; message++) {
		size_t filled_bytes = 0;

		for (int piece = 0; piece < 3; piece++) {
			struct iovec left = pieces[piece];
			loff_t place = 0;

			while (left.iov_len) {
				ssize_t moved = piece == 1 ? splice(file, &place, pipe_in, 0, left.iov_len, SPLICE_F_NONBLOCK)
							   : vmsplice(pipe_in, &left, 1, SPLICE_F_NONBLOCK);

				if (moved > 0) {
					left.iov_base = (char *)left.iov_base + moved;
					left.iov_len -= moved;
					filled_bytes += moved;
				} else if (moved < 0 && errno == EAGAIN && filled_bytes) {
					int64_t ended = drain(pipe_out, sock, filled_bytes, SPLICE_F_MORE);

					if (ended)
						return ended;
					filled_bytes = 0;
				} else if (moved == 0 || errno != EINTR) {
					return moved ? -errno : -EAGAIN;
				}
			}
		}
		int64_t ended = drain(pipe_out, sock, filled_bytes, 0);

		if (ended)
			return ended;
	}
	return 0;
}
