/* The informer's two halves: informer.c asks the API server, informer_apply.c applies what it says. */
#ifndef TD_KUBE_INFORMER_INTERNAL_H
#define TD_KUBE_INFORMER_INTERNAL_H

#include "kube/informer.h"
#include "kube/reflector.h"
#include "kube/watch_framer.h"

struct td_informer {
	struct td_loop *loop;
	struct td_kube_client *client;
	const struct td_kube_resource *resource;
	char *namespace_;
	char *selector; /* encoded; NULL: all */
	json_t *(*project)(json_t *object);
	struct td_informer_handlers handlers;
	void *userdata;

	struct td_reflector reflector;
	struct td_watch_framer framer;
	struct td_store store;
	struct td_store fresh; /* the pages of a list so far */
	struct td_kube_call *call;
	struct td_timer *timer;
	struct td_error stream_error; /* why we stopped the watch */
	bool synced;
	bool running; /* a callback of ours is on the stack */
	bool freed;   /* the rest goes when it returns */
};

/* A page of a list: collects it and, when it was the last one, replaces the store and tells the differences. On an error,
 * which is returned in *err, the reflector has to be told unless it has left its state LISTING already. */
enum td_error_code td_informer_take_page(struct td_informer *informer, const json_t *page, struct td_error *err);

/* An event of a watch. False: the stream must end, see stream_error (or the informer was freed by a handler). */
bool td_informer_take_line(const char *line, size_t len, void *userdata);

/* Sets stream_error, or only adds the context to it when why is NULL. Returns false, for the caller to return. */
bool td_informer_stop_stream(struct td_informer *informer, enum td_error_code code, const char *why);

#endif
