/* Operations of product OpenSlb that this folder has; system.c has their rows. */
#pragma once

#include "control/call.h"

int openslb_deregister_network_interface(struct call *call);
int openslb_deregister_server(struct call *call);
int openslb_list_network_interfaces(struct call *call);
int openslb_list_servers(struct call *call);
int openslb_register_network_interface(struct call *call);
int openslb_register_server(struct call *call);
int openslb_update_server(struct call *call);
