/*
 * rpc_text.h - parameters as a person types them, NAME=VALUE, as the JSON of rpc_value.h. Pure.
 *
 *   InformationClass=12            a number, a name, a text, a SID: the type decides what it is
 *   Buffer.Account.UserName=bob    into structures and unions
 *   Names[0]=a Names[1]=b          into lists, in order
 *   Names=["a","b"] Value={...}    JSON where it begins with [ { or "
 *   SystemName=null                no value; "null" in quotes is a text, as is NAME=""
 */
#ifndef NT_REPAIR_RPC_TEXT_H
#define NT_REPAIR_RPC_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define NT_RPC_TEXT_WHY 300

/* Puts one into an object. False: why[] has one line, and the object is of no use any more. */
bool nt_rpc_text_put(json_t *parameters, const char *typed, char why[NT_RPC_TEXT_WHY]);

#endif
