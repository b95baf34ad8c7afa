#include "dns_redirect.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "scope.h"

/* nf_tables' netlink messages (linux/netfilter/nf_tables.h), numbers in network order. */

#define TABLE "bayplan-dns"
#define CHAIN "output"
#define PRIORITY (-300) /* before connections are tracked, where somebody tracks them */
enum { PROTOCOL_AT = 9, SOURCE_AT = 12, DESTINATION_AT = 16, SOURCE_PORT_AT = 0, DESTINATION_PORT_AT = 2, UDP_CHECKSUM_AT = 6, TCP_CHECKSUM_AT = 16 };

struct batch { uint8_t bytes[4096]; size_t length; struct nlmsghdr *message; uint32_t sequence; };

static void *append(struct batch *batch, const void *data, size_t length) {
  void *at = batch->bytes + batch->length;
  if (data) memcpy(at, data, length);
  else memset(at, 0, length);
  batch->length += NLMSG_ALIGN(length);
  if (batch->message) batch->message->nlmsg_len = (uint32_t)(batch->bytes + batch->length - (uint8_t *)batch->message);
  return at;
}

static void begin_message(struct batch *batch, uint16_t type, uint16_t flags, uint8_t family, uint16_t resource) {
  struct nlmsghdr header = {.nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags, .nlmsg_seq = ++batch->sequence};
  struct nfgenmsg generic = {.nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(resource)};
  batch->message = NULL;
  struct nlmsghdr *message = append(batch, &header, sizeof header);
  batch->message = message;
  append(batch, &generic, sizeof generic);
}

static void add(struct batch *batch, uint16_t type, const void *data, size_t length) {
  struct nlattr attribute = {.nla_len = (uint16_t)(NLA_HDRLEN + length), .nla_type = type};
  append(batch, &attribute, sizeof attribute);
  append(batch, data, length);
}

static void add_text(struct batch *batch, uint16_t type, const char *text) { add(batch, type, text, strlen(text) + 1); }

static void add_number(struct batch *batch, uint16_t type, uint32_t value) {
  value = htonl(value);
  add(batch, type, &value, sizeof value);
}

static struct nlattr *begin_nested(struct batch *batch, uint16_t type) {
  struct nlattr attribute = {.nla_type = type | NLA_F_NESTED};
  return append(batch, &attribute, sizeof attribute);
}

static void end_nested(struct batch *batch, struct nlattr *nested) { nested->nla_len = (uint16_t)(batch->bytes + batch->length - (uint8_t *)nested); }

struct expression { struct nlattr *element, *data; };

static struct expression begin_expression(struct batch *batch, const char *name) {
  struct expression expression = {.element = begin_nested(batch, NFTA_LIST_ELEM)};
  add_text(batch, NFTA_EXPR_NAME, name);
  expression.data = begin_nested(batch, NFTA_EXPR_DATA);
  return expression;
}

static void end_expression(struct batch *batch, struct expression expression) {
  end_nested(batch, expression.data);
  end_nested(batch, expression.element);
}

static void add_value(struct batch *batch, uint16_t type, const void *value, size_t length) {
  struct nlattr *data = begin_nested(batch, type);
  add(batch, NFTA_DATA_VALUE, value, length);
  end_nested(batch, data);
}

static void add_place(struct batch *batch, uint32_t base, uint32_t offset, size_t length) {
  add_number(batch, NFTA_PAYLOAD_BASE, base);
  add_number(batch, NFTA_PAYLOAD_OFFSET, offset);
  add_number(batch, NFTA_PAYLOAD_LEN, (uint32_t)length);
}

static void compare(struct batch *batch, uint32_t how, const void *value, size_t length) {
  struct expression compare = begin_expression(batch, "cmp");
  add_number(batch, NFTA_CMP_SREG, NFT_REG_1);
  add_number(batch, NFTA_CMP_OP, how);
  add_value(batch, NFTA_CMP_DATA, value, length);
  end_expression(batch, compare);
}

/* The packet has this value there. */
static void match(struct batch *batch, uint32_t base, uint32_t offset, const void *value, size_t length) {
  struct expression load = begin_expression(batch, "payload");
  add_number(batch, NFTA_PAYLOAD_DREG, NFT_REG_1);
  add_place(batch, base, offset, length);
  end_expression(batch, load);
  compare(batch, NFT_CMP_EQ, value, length);
}

static void write_port(struct batch *batch, uint32_t offset, uint16_t port, uint32_t checksum) {
  struct expression value = begin_expression(batch, "immediate");
  add_number(batch, NFTA_IMMEDIATE_DREG, NFT_REG_1);
  add_value(batch, NFTA_IMMEDIATE_DATA, &port, sizeof port);
  end_expression(batch, value);
  struct expression store = begin_expression(batch, "payload");
  add_number(batch, NFTA_PAYLOAD_SREG, NFT_REG_1);
  add_place(batch, NFT_PAYLOAD_TRANSPORT_HEADER, offset, sizeof port);
  add_number(batch, NFTA_PAYLOAD_CSUM_TYPE, NFT_PAYLOAD_CSUM_INET);
  add_number(batch, NFTA_PAYLOAD_CSUM_OFFSET, checksum);
  end_expression(batch, store);
}

/* Rewrites a port, in network order, of packets from or to 127.0.0.11. */
static void add_rule(struct batch *batch, uint16_t flags, uint8_t protocol, bool answer, uint16_t from, uint16_t to) {
  const struct in_addr address = {htonl(0x7f00000b)};
  uint32_t port = answer ? SOURCE_PORT_AT : DESTINATION_PORT_AT;
  begin_message(batch, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND | flags, NFPROTO_IPV4, 0);
  add_text(batch, NFTA_RULE_TABLE, TABLE);
  add_text(batch, NFTA_RULE_CHAIN, CHAIN);
  struct nlattr *expressions = begin_nested(batch, NFTA_RULE_EXPRESSIONS);
  match(batch, NFT_PAYLOAD_NETWORK_HEADER, answer ? SOURCE_AT : DESTINATION_AT, &address, sizeof address);
  match(batch, NFT_PAYLOAD_NETWORK_HEADER, PROTOCOL_AT, &protocol, sizeof protocol);
  match(batch, NFT_PAYLOAD_TRANSPORT_HEADER, port, &from, sizeof from);
  write_port(batch, port, to, protocol == IPPROTO_UDP ? UDP_CHECKSUM_AT : TCP_CHECKSUM_AT);
  end_nested(batch, expressions);
}

/* First of all: what leaves the container, all of its traffic, has nothing to do with the rest. */
static void add_passing(struct batch *batch) {
  const uint32_t loopback = 1; /* in every namespace */
  begin_message(batch, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, NFPROTO_IPV4, 0);
  add_text(batch, NFTA_RULE_TABLE, TABLE);
  add_text(batch, NFTA_RULE_CHAIN, CHAIN);
  struct nlattr *expressions = begin_nested(batch, NFTA_RULE_EXPRESSIONS);
  struct expression load = begin_expression(batch, "meta");
  add_number(batch, NFTA_META_DREG, NFT_REG_1);
  add_number(batch, NFTA_META_KEY, NFT_META_OIF);
  end_expression(batch, load);
  compare(batch, NFT_CMP_NEQ, &loopback, sizeof loopback);
  struct expression verdict = begin_expression(batch, "immediate");
  add_number(batch, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
  struct nlattr *data = begin_nested(batch, NFTA_IMMEDIATE_DATA), *code = begin_nested(batch, NFTA_DATA_VERDICT);
  add_number(batch, NFTA_VERDICT_CODE, NF_ACCEPT);
  end_nested(batch, code);
  end_nested(batch, data);
  end_expression(batch, verdict);
  end_nested(batch, expressions);
}

static void add_table(struct batch *batch) {
  begin_message(batch, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, NFPROTO_IPV4, 0);
  add_text(batch, NFTA_TABLE_NAME, TABLE);
  begin_message(batch, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWCHAIN, NLM_F_CREATE, NFPROTO_IPV4, 0);
  add_text(batch, NFTA_CHAIN_TABLE, TABLE);
  add_text(batch, NFTA_CHAIN_NAME, CHAIN);
  add_text(batch, NFTA_CHAIN_TYPE, "filter");
  struct nlattr *hook = begin_nested(batch, NFTA_CHAIN_HOOK);
  add_number(batch, NFTA_HOOK_HOOKNUM, NF_INET_LOCAL_OUT);
  add_number(batch, NFTA_HOOK_PRIORITY, (uint32_t)PRIORITY);
  end_nested(batch, hook);
}

/* The first failure, or the acknowledgement of the message that asked for one. */
static int await_answer(int fd) {
  union { struct nlmsghdr header; uint8_t bytes[8192]; } reply;
  ssize_t length = recv(fd, &reply, sizeof reply, 0);
  if (length < (ssize_t)NLMSG_LENGTH(sizeof(struct nlmsgerr)) || reply.header.nlmsg_type != NLMSG_ERROR) return length < 0 ? errno : EPROTO;
  return -((struct nlmsgerr *)NLMSG_DATA(&reply.header))->error;
}

int dns_redirect(uint16_t port, struct error *err) {
  static const uint8_t protocols[] = {IPPROTO_UDP, IPPROTO_TCP};
  struct batch batch = {.length = 0};
  begin_message(&batch, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
  add_table(&batch);
  add_passing(&batch);
  for (size_t i = 0; i < sizeof protocols; i++) {
    bool last = i + 1 == sizeof protocols;
    add_rule(&batch, 0, protocols[i], false, htons(53), htons(port));
    add_rule(&batch, last ? NLM_F_ACK : 0, protocols[i], true, htons(port), htons(53));
  }
  begin_message(&batch, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  fd_auto fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
  if (fd < 0) return error_errno(err, "socket", "nf_tables");
  if (sendto(fd, batch.bytes, batch.length, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0) return error_errno(err, "sendto", "nf_tables");
  int code = await_answer(fd);
  if (code == 0 || code == EEXIST) return 0;
  errno = code;
  return error_errno(err, "nf_tables", TABLE);
}
